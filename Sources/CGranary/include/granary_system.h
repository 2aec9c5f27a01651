#ifndef GRANARY_SYSTEM_H
#define GRANARY_SYSTEM_H

// The few system calls that Swift cannot name. Each but the last returns 0 or an errno.

/// Renames without replacing; EEXIST when `to` exists (renameat2, or link and unlink where the file system
/// lacks it).
int granary_rename_no_replace(const char *from, const char *to);

/// Takes an exclusive lock of the open file description; EAGAIN when another has it.
int granary_lock(int descriptor);

/// Gives it up, whoever else has a copy of the descriptor.
int granary_unlock(int descriptor);

/// Blocks that the calling thread has had read from disk since it began; 0 where nobody counts them.
long granary_blocks_read(void);

#endif
