import GranaryStorage
import Synchronization
import TestSupport
import Testing

@testable import Granary

/// How one merge is paused and stopped.
@Suite struct MergeControlTests {
    @Test func holdsEveryThreadOfAMergeWhileItIsPaused() {
        let control = MergeControl()
        control.pause()
        #expect(control.isPaused)
        let threads = (0..<4).map { _ in Aside { () throws(GranaryError) in try control.checkpoint() } }
        pause(milliseconds: 5)
        #expect(threads.allSatisfy { !$0.isDone })
        control.resume()
        for thread in threads { #expect(thread.code() == nil) }
        #expect(errorCode { try control.checkpoint() } == nil)
    }

    @Test func cancellingEndsAPauseAndLasts() {
        let control = MergeControl()
        control.pause()
        let thread = Aside { () throws(GranaryError) in try control.checkpoint() }
        control.cancel()
        #expect(thread.code() == .cancelled)
        control.resume()
        #expect(errorCode { try control.checkpoint() } == .cancelled)
    }

    @Test func somebodysCancellationEndsAPauseToo() {
        let cancellation = Cancellation()
        let control = MergeControl(cancellation)
        control.pause()
        let thread = Aside { () throws(GranaryError) in try control.checkpoint() }
        pause(milliseconds: 5)
        #expect(!thread.isDone)
        cancellation.cancel()
        #expect(thread.code() == .cancelled)
        control.resume()
        #expect(errorCode { try control.checkpoint() } == .cancelled)
    }

    @Test func pausingAndResumingLosesNobody() {
        let control = MergeControl(Cancellation())
        let threads = (0..<4).map { _ in
            Aside { () throws(GranaryError) in
                for _ in 0..<200 { try control.checkpoint() }
            }
        }
        for _ in 0..<200 {
            control.pause()
            control.resume()
        }
        for thread in threads { #expect(thread.code() == nil) }
    }

    @Test func knowsItsPhaseAndItsThreads() {
        let (control, other) = (MergeControl(), MergeControl())
        #expect(control.phase == nil && MergeControl.current == nil)
        let id = ObjectIdentifier(control)
        control.run {
            #expect(MergeControl.current == id)
            other.run { #expect(MergeControl.current == ObjectIdentifier(other)) }
            control.report(WorkProgress(phase: .inverting, done: 3)) { progress in
                #expect(MergeControl.current == id && progress.done == 3)
            }
        }
        #expect(control.phase == .inverting)
        control.report(WorkProgress(phase: .writing, done: 0), to: nil)
        #expect(control.phase == .writing && MergeControl.current == nil)
    }
}
