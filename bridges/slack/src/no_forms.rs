//! A daemon without forms, for the bridge's own tests.

use async_trait::async_trait;
use partyline_core::{Choice, Fault, Form, FormCommand, FormRequest, Forms, Home, PersonId};

/// A daemon without forms: every command is as it was typed.
pub(crate) struct NoForms;

#[async_trait]
impl Forms for NoForms {
    fn wanted(&self, _line: &str) -> Option<String> {
        None
    }

    async fn form(&self, _request: &FormRequest) -> Form {
        Form::default()
    }

    async fn find(&self, _request: &FormRequest, _field: &str, _text: &str) -> Vec<Choice> {
        Vec::new()
    }

    async fn check(&self, _request: &FormRequest) -> Vec<Fault> {
        Vec::new()
    }

    fn command(&self, request: &FormRequest) -> FormCommand {
        FormCommand { words: request.form.clone(), arguments: request.values.clone() }
    }

    async fn home(&self, _person: &PersonId, _page: u32) -> Home {
        Home::default()
    }
}
