//! What a look at the providers tells.

use std::sync::Arc;

use igentai_producer::provider::{Client, KeyLook, Look, look};
use igentai_shared::clock::{Clock, SystemClock};
use igentai_shared::config::ProviderConfig;

use super::{Finding, Grade, finding};

/// Models named where the one wanted is not there.
const SOME: usize = 5;

/// How much one name must be like another to be taken for what was meant.
const ALIKE: f64 = 0.8;

pub(super) async fn providers(configured: &[ProviderConfig]) -> Vec<Finding> {
    let client = match Client::new() {
        Ok(client) => client,
        Err(error) => return vec![finding(Grade::Fail, "providers", error.to_string())],
    };
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let looks = configured.iter().map(|provider| {
        let (client, clock) = (&client, &clock);
        async move { told(provider, look(provider, client, clock).await.map_err(|error| error.to_string())) }
    });
    futures::future::join_all(looks).await
}

fn told(provider: &ProviderConfig, found: Result<Look, String>) -> Finding {
    let what = format!("provider {} ({})", provider.name, provider.model);
    let (grade, detail) = match found {
        Ok(Look::Ready(KeyLook::Taken)) => (Grade::Ok, "answers, takes the key, knows the model".to_owned()),
        Ok(Look::Ready(KeyLook::NotSet)) => (Grade::Ok, "answers, knows the model".to_owned()),
        Ok(Look::Ready(KeyLook::Unchecked)) => {
            let detail = "answers, knows the model; the key is not checked: the list of models is shown without one, too";
            (Grade::Warn, detail.to_owned())
        }
        Ok(Look::BuiltIn) => (Grade::Ok, "built in".to_owned()),
        Ok(Look::ModelNotListed(models)) => (Grade::Fail, not_listed(&provider.model, models)),
        Ok(Look::NoList(why)) => {
            (Grade::Warn, format!("answers, but has no list of models to look at: {why}"))
        }
        Ok(Look::LacksVersion(why)) => (Grade::Fail, format!("{why}; correct it")),
        Ok(Look::WrongKey(why)) => (Grade::Fail, format!("{why}; set the right key")),
        Ok(Look::Failed(why)) => (Grade::Fail, format!("{why}; is it running, is `base_url` right?")),
        Err(error) => (Grade::Fail, error),
    };
    finding(grade, &what, detail)
}

/// The names that are most like the one wanted come first.
fn not_listed(wanted: &str, mut models: Vec<String>) -> String {
    let alike = |model: &String| strsim::jaro_winkler(&wanted.to_lowercase(), &model.to_lowercase());
    models.sort_by(|a, b| alike(b).total_cmp(&alike(a)));
    let some: Vec<&str> = models.iter().take(SOME).map(String::as_str).collect();
    match some[..] {
        [] => "does not know this model, and lists none at all; is one loaded there?".to_owned(),
        [nearest, ..] if alike(&nearest.to_owned()) >= ALIKE => {
            format!("does not know this model; did you mean {nearest}? It lists {}", some.join(", "))
        }
        _ => format!("does not know this model; it lists {}; correct `model`", some.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use igentai_shared::config::providers::ProviderKind;

    use super::*;

    #[test]
    fn a_model_that_is_not_there_fails_with_the_name_that_was_probably_meant_first() {
        let provider = ProviderConfig::new("small", ProviderKind::OpenAi, "tiny-chat");
        let told = |models: &[&str]| {
            let models = models.iter().map(|model| (*model).to_owned()).collect();
            told(&provider, Ok(Look::ModelNotListed(models)))
        };
        let found = told(&["a", "b", "c", "d", "e", "tiny-caht"]);
        let detail = "does not know this model; did you mean tiny-caht? It lists tiny-caht, a, b, c, d";
        assert_eq!((found.grade, found.detail.as_str()), (Grade::Fail, detail));
        let detail = "does not know this model; it lists other; correct `model`";
        assert_eq!(told(&["other"]).detail, detail);
        assert!(told(&[]).detail.contains("lists none at all"));
    }

    #[test]
    fn only_what_was_seen_of_the_key_is_said_of_it() {
        let provider = ProviderConfig::new("small", ProviderKind::OpenAi, "tiny");
        let told = |key| told(&provider, Ok(Look::Ready(key)));
        assert!(told(KeyLook::Taken).detail.contains("takes the key"));
        for (key, grade) in [(KeyLook::NotSet, Grade::Ok), (KeyLook::Unchecked, Grade::Warn)] {
            let found = told(key);
            assert!(found.grade == grade && !found.detail.contains("takes the key"), "{found:?}");
        }
    }
}
