import GranaryStorage
import TestSupport
import Testing

@Suite("An engine that gets the order wrong")
struct CrashMutantTests {
    @Test("is found out", arguments: CrashMutant.allCases)
    func isCaught(_ mutant: CrashMutant) throws {
        let work = CrashWorkload(seed: 77, mutant: mutant.rule, reuse: mutant.reuse)
        try mutant.run(work)
        #expect(work.violations(limit: 1).found.count == 1)
    }

    @Test("is told from one whose names are its own, where old names stay")
    func namesThatStay() throws {
        let work = CrashWorkload(seed: 77, reuse: .nothing)
        try CrashMutant.temporaryNameReused.run(work)
        let (found, images) = work.violations()
        #expect(found == [])
        #expect(images > 500)
    }
}
