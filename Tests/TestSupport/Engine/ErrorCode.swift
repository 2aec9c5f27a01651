public import GranaryStorage

/// The code of the error that `body` throws; nil when it throws none or another kind.
public func errorCode(_ body: () throws -> Void) -> GranaryError.Code? {
    do {
        try body()
        return nil
    } catch {
        return (error as? GranaryError)?.code
    }
}
