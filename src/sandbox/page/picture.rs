//! People's pictures: their initials on a colour of their own.

use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::super::cast::{COLLEAGUES, Colleague, MEMBERS, Member, STRANGER};

/// Colours on which white can be read (contrast of at least 4.5), for those of the cast in turn.
const COLOURS: [&str; 7] =
    ["#b04a1e", "#1d63a8", "#7b3fa0", "#1f6f54", "#a3325a", "#4a5a8a", "#6d5a12"];
/// The colour of everybody else.
const GREY: &str = "#5c666e";

/// `GET /pictures/{name}.svg`
pub(super) async fn draw(Path(file): Path<String>) -> Response {
    let Some(name) = file.strip_suffix(".svg").filter(|name| name.len() <= 64) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    ([(header::CONTENT_TYPE, "image/svg+xml")], svg(name)).into_response()
}

fn svg(name: &str) -> String {
    if name == "partyline" {
        return include_str!("../assets/partyline.svg").to_owned();
    }
    let colour = colour(name);
    let initials = initials(name);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 72 72\">\
         <rect width=\"72\" height=\"72\" fill=\"{colour}\"/>\
         <text x=\"36\" y=\"47\" text-anchor=\"middle\" font-family=\"Arial,sans-serif\" \
         font-size=\"31\" font-weight=\"600\" fill=\"#fff\">{initials}</text></svg>"
    )
}

fn colour(name: &str) -> &'static str {
    let cast = MEMBERS.iter().map(Member::picture).chain(COLLEAGUES.iter().map(Colleague::picture));
    let own = cast.chain([STRANGER.picture()]).zip(COLOURS).find(|(picture, _)| picture == name);
    own.map_or(GREY, |(_, colour)| colour)
}

/// The first letters of the first two words; letters and digits only, so that nothing in a name
/// is markup.
fn initials(name: &str) -> String {
    name.split('-')
        .filter_map(|word| word.chars().find(|c| c.is_alphanumeric()))
        .take(2)
        .flat_map(char::to_uppercase)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn initials_are_letters_only() {
        assert_eq!(initials("maya-lopez"), "ML");
        assert_eq!(initials("<script>-é&"), "SÉ");
        assert_eq!(initials(""), "");
    }
}
