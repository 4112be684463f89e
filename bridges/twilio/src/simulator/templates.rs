//! The templates that a fresh simulated account has.

use super::model::Template;

/// Four templates: two approved, one pending, one rejected.
#[must_use]
pub fn seeded() -> Vec<Template> {
    let template = |digit: char, name: &str, body: &str, variables: &[(&str, &str)]| Template {
        sid: format!("HX{}", digit.to_string().repeat(32)).into(),
        friendly_name: name.to_owned(),
        language: "en".to_owned(),
        variables: variables
            .iter()
            .map(|(name, example)| ((*name).to_owned(), (*example).to_owned()))
            .collect(),
        body: body.to_owned(),
        approval: "approved".to_owned(),
        category: "UTILITY".to_owned(),
        rejection_reason: String::new(),
    };
    vec![
        template(
            'a',
            "team_notice",
            "{{1}} has news for you. Answer this message to join in.",
            &[("1", "The team")],
        ),
        template(
            'b',
            "appointment_reminder",
            "Hello {{1}}, we meet on {{2}}. Answer this message to change it.",
            &[("1", "Maya"), ("2", "Monday at nine")],
        ),
        Template {
            approval: "pending".to_owned(),
            ..template('c', "order_update", "Your order {{1}} is on its way.", &[("1", "4711")])
        },
        Template {
            approval: "rejected".to_owned(),
            category: "MARKETING".to_owned(),
            rejection_reason: "INVALID_FORMAT".to_owned(),
            ..template('d', "winter_sale", "Everything is {{1}} off.", &[("1", "10 %")])
        },
    ]
}
