/// One value of a document on its way into a segment.
struct FieldEntry: Sendable, Hashable {
    /// The field's position in the schema.
    var field: Int
    var key: FieldKey
}
