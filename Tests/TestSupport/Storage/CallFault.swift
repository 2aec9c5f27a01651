import Foundation
package import GranaryStorage

/// What a test makes of a call of the file system.
package struct CallFault: Sendable {
    /// What becomes of the call.
    package let effect: FaultyFileSystem.Effect
    /// Which calls it is for.
    package let kinds: Set<FaultyFileSystem.Kind>

    /// Errors that any call may give, a write that ends halfway, a read that ends early, a change that is
    /// made though its answer says otherwise, names that are taken.
    package static let all: [CallFault] =
        [EIO, ENOSPC, EDQUOT, EMFILE, EACCES].map {
            CallFault(effect: .fail($0), kinds: Set(FaultyFileSystem.Kind.allCases))
        } + [
            CallFault(effect: .failHalfway(EIO), kinds: [.write]),
            CallFault(effect: .failHalfway(ENOSPC), kinds: [.write]),
            CallFault(effect: .cut, kinds: [.read, .map]),
            CallFault(effect: .failAfterwards(EIO), kinds: [.sync, .syncDirectory, .rename, .link, .unlink]),
            CallFault(effect: .fail(EEXIST), kinds: [.rename, .link, .create]),
            CallFault(effect: .failAfterwards(EEXIST), kinds: [.rename, .link]),
        ]
}
