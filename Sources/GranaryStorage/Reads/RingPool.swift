internal import CGranary
import Synchronization

/// The rings of the process: each is used by one thread at a time, and kept for the next.
@safe final class RingPool: Sendable {
    /// A ring. It goes from thread to thread with nothing in flight.
    @safe private struct Ring: @unchecked Sendable {
        // SAFETY: `@unchecked` is right because whoever takes a ring out of the pool is alone with it.
        let pointer: OpaquePointer
        let depth: Int
    }

    /// The pool of the process.
    static let shared = RingPool()
    /// Why the kernel refuses rings, as an errno; nil when it does not.
    static let refusal: Int32? = {
        var result: OpaquePointer?
        // SAFETY: the call sets the pointer or returns an errno.
        let number = unsafe granary_ring_open(2, &result)
        if number == 0, let ring = unsafe result { unsafe granary_ring_close(ring) }
        return number == 0 ? nil : number
    }()

    /// More are closed after use: a ring is a descriptor and some KiB.
    private let mostIdle = 2 * Processor.coreCount
    private let idle = Mutex<[Ring]>([])

    /// Does all reads with a ring.
    ///
    /// - Parameters:
    ///   - isCancelled: asked whenever some reads are done.
    ///   - progress: told how many, from the first on, are done whole.
    /// - Returns: false without any read when there is no ring to be had.
    /// - Throws: `cancelled`, `io` for the ring itself, what `progress` throws; what became of a read stands
    ///   in it. Nothing is in flight any more in any case.
    @unsafe func read(
        _ reads: UnsafeMutableBufferPointer<granary_read>, from descriptor: Int32, path: String, depth: Int,
        isCancelled: () -> Bool, progress: (Int) throws(GranaryError) -> Void
    ) throws(GranaryError) -> Bool {
        guard let base = reads.baseAddress, !reads.isEmpty else { return true }
        guard let ring = take(depth) else { return false }
        defer { put(ring) }
        let pointer = unsafe ring.pointer
        var (next, done) = (0, 0)
        // SAFETY: the ring is this thread's; every way out leaves nothing in flight that writes to a
        // destination.
        while unsafe next < reads.count || granary_ring_in_flight(pointer) > 0 {
            if isCancelled() {
                unsafe granary_ring_drain(pointer, base, reads.count)
                throw GranaryError(.cancelled, "the operation was cancelled", path: path)
            }
            let number = unsafe granary_ring_step(pointer, descriptor, base, reads.count, &next)
            guard number == 0 else { throw SystemCalls.error("io_uring_enter", number, path: path) }
            let before = done
            while unsafe done < next && reads[done].done >= reads[done].length { done += 1 }
            if done == before { continue }
            do throws(GranaryError) { try progress(done) } catch {
                unsafe granary_ring_drain(pointer, base, reads.count)
                throw error
            }
        }
        return true
    }

    private func take(_ depth: Int) -> Ring? {
        let known: Ring? = idle.withLock { rings in
            rings.firstIndex { $0.depth == depth }.map { rings.remove(at: $0) }
        }
        if let known { return known }
        var result: OpaquePointer?
        // SAFETY: the call sets the pointer or returns an errno.
        guard unsafe granary_ring_open(UInt32(depth), &result) == 0, let ring = unsafe result else {
            return nil
        }
        return unsafe Ring(pointer: ring, depth: depth)
    }

    private func put(_ ring: Ring) {
        let isKept = idle.withLock { rings in
            guard rings.count < mostIdle else { return false }
            rings.append(ring)
            return true
        }
        // SAFETY: it is in no pool any more, and nothing is in flight.
        if !isKept { unsafe granary_ring_close(ring.pointer) }
    }
}
