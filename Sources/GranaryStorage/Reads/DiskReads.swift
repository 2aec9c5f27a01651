internal import CGranary

/// What was asked of the disk.
package enum DiskReads {
    /// Blocks that the calling thread has had read from disk since it began: for itself, or ahead. Only
    /// differences mean something; always 0 where the system does not count them by thread.
    package static var ofThisThread: Int { granary_blocks_read() }
}
