//! What the columns of a CSV file mean, by the names that programs and people give them.

/// What a column holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Column {
    Number,
    Name,
    First,
    Last,
    Team,
    Picture,
    /// A JSON object: what [`super::write`] makes of the metadata.
    Meta,
    /// Anything else: metadata under the column's own name.
    Other(String),
    /// A column without a name.
    Nothing,
}

/// Names of columns, without case, spaces and punctuation. The number that stands in many
/// exports' names (`Phone 1 - Value`) is left out too.
const NAMES: &[(&[&str], Column)] = &[
    (
        &[
            "number",
            "phone",
            "phonenumber",
            "phonevalue",
            "mobile",
            "mobilephone",
            "mobilenumber",
            "cell",
            "cellphone",
            "whatsapp",
            "whatsappnumber",
            "telephone",
            "tel",
            "address",
            "homephone",
            "businessphone",
            "primaryphone",
            "telefon",
            "telefono",
            "téléphone",
            "handy",
            "mobil",
            "móvil",
            "celular",
            "nummer",
            "numero",
            "número",
        ],
        Column::Number,
    ),
    (
        &["name", "fullname", "displayname", "contact", "contactname", "fn", "nom", "nombre"],
        Column::Name,
    ),
    (&["first", "firstname", "givenname", "given", "vorname", "prénom"], Column::First),
    (
        &["last", "lastname", "surname", "familyname", "family", "nachname", "apellido"],
        Column::Last,
    ),
    (&["team", "group", "department", "abteilung", "equipo", "équipe"], Column::Team),
    (&["picture", "photo", "avatar", "image", "pictureurl", "photourl"], Column::Picture),
    (&["meta"], Column::Meta),
];

/// What a column of this name holds.
pub(super) fn column(title: &str) -> Column {
    let title = title.trim();
    if title.is_empty() {
        return Column::Nothing;
    }
    let plain: String =
        title.chars().filter(|c| c.is_alphabetic()).flat_map(char::to_lowercase).collect();
    NAMES
        .iter()
        .find(|(names, _)| names.contains(&plain.as_str()))
        .map_or_else(|| Column::Other(title.to_owned()), |(_, column)| column.clone())
}
