//! What is said about bad configurations, word by word.

use super::*;

const KEYLESS: &str =
    "[providers.small]\nkind = \"openai\"\nmodel = \"small\"\nbase_url = \"http://127.0.0.1:8000/v1\"\n";

#[test]
fn each_mistake_has_its_message() {
    #[rustfmt::skip]
    let table: &[(&str, &str)] = &[
        ("[run]\nproducers = 0", "igentai.toml:2: run.producers = 0: must be a whole number from 1 to 1000"),
        ("[run]\nproducers = 1.5", "igentai.toml:2: run.producers = 1.5: must be a whole number from 1 to 1000"),
        ("[run]\nproducers = \"4\"", "igentai.toml:2: run.producers = \"4\": must be a whole number from 1 to 1000"),
        ("[run]\nproducers = 99999999999999999999", "igentai.toml:2: run.producers = 99999999999999999999: must be a whole number from 1 to 1000"),
        ("[run]\nproducers = [1]", "igentai.toml:2: run.producers = [1]: must be a whole number from 1 to 1000"),
        ("[run.producers]\nx = 1", "igentai.toml:1: run.producers: must be a value, not a section"),
        ("[run]\nout = 3", "igentai.toml:2: run.out = 3: must be a text in quotes"),
        ("[run]\nout = \" \"", "igentai.toml:2: run.out = \" \": must not be empty"),
        ("[run]\nproducer = 4", "igentai.toml:2: run.producer = 4: is not known here; did you mean producers?"),
        ("[run]\nzzz = true", "igentai.toml:2: run.zzz = true: is not known here; known are producers, out, items_per_request, dry_after_answers, partition, probe_share_percent, until_complete_percent, min_new_per_100_requests, accept, min_chars, max_chars, script"),
        ("[run]\nprobe_share_percent = 51", "igentai.toml:2: run.probe_share_percent = 51: must be a number from 0 to 50"),
        ("[run]\nprobe_share_percent = -1", "igentai.toml:2: run.probe_share_percent = -1: must be a number from 0 to 50"),
        ("[run]\nprobe_share_percent = 0.2", "igentai.toml:1: run: probe_share_percent: 0.2 is less than one percent; did you mean 20?"),
        ("[run]\nmin_new_per_100_requests = 50001", "igentai.toml:2: run.min_new_per_100_requests = 50001: must be a whole number from 0 to 50000"),
        ("[run]\naccept = \"a(\"", "igentai.toml:2: run.accept = \"a(\": character 2 of the regular expression: unclosed group"),
        ("[run]\naccept = \"\"", "igentai.toml:2: run.accept = \"\": must not be empty"),
        ("[run]\nmin_chars = 0", "igentai.toml:2: run.min_chars = 0: must be a whole number from 1 to 512"),
        ("[run]\nmin_chars = 9\nmax_chars = 8", "igentai.toml:1: run: nothing has at least 9 and at most 8 characters"),
        ("[run]\nscript = \"latin, klingon\"", "igentai.toml:2: run.script = \"latin, klingon\": `klingon` is no script that is known here; known are arabic, armenian, bengali, cyrillic, devanagari, ethiopic, georgian, greek, gujarati, gurmukhi, han, hangul, hebrew, hiragana, kannada, katakana, khmer, lao, latin, malayalam, myanmar, sinhala, tamil, telugu, thai, tibetan"),
        ("[prodcer]\nport = 1", "igentai.toml:1: prodcer: is not known; did you mean producer?"),
        ("run = 3", "igentai.toml:1: run = 3: must be a section: write [run]"),
        ("[web]\nport = 70000", "igentai.toml:2: web.port = 70000: must be a whole number from 0 to 65535"),
        ("[web]\nbind = \"localhost\"", "igentai.toml:2: web.bind = \"localhost\": must be an IP address: 127.0.0.1 for this machine only, 0.0.0.0 or :: for every network"),
        ("[log]\nlevel = \"loud\"", "igentai.toml:2: log.level = \"loud\": must be error, warn, info, debug, trace or off, or directives such as info,igentai_producer=debug"),
        ("[log]\nformat = \"jsn\"", "igentai.toml:2: log.format = \"jsn\": must be one of text, json; did you mean json?"),
        ("[bus]\namqp_url = \"http://u:seeded-secret@h\"", "igentai.toml:2: bus.amqp_url = \"http://***@h\": must be an address such as amqp://user:password@host:5672/%2f (or amqps://)"),
        ("[bus]\namqp_url = \"u:seeded-secret@h\"", "igentai.toml:2: bus.amqp_url = \"***@h\": must be an address such as amqp://user:password@host:5672/%2f (or amqps://)"),
        ("[store]\nredis_url = \"localhost\"", "igentai.toml:2: store.redis_url = \"localhost\": must be an address such as redis://user:password@host:6379/0"),
        ("[store]\nredis_url = \"rediss://u:seeded-secret@h\"", "igentai.toml:2: store.redis_url = \"rediss://***@h\": TLS to Redis is not supported yet; write redis://"),
        ("[store]\nredis_url = \"redis://h/abc?password=seeded-secret\"", "igentai.toml:2: store.redis_url = \"redis://h/abc?***\": names no database, which is a whole number; must be an address such as redis://user:password@host:6379/0"),
        ("[orchestrator]\nsync_interval_ms = 10", "igentai.toml:2: orchestrator.sync_interval_ms = 10: must be a whole number from 50 to 60000"),
        ("[orchestrator]\nproducer_timeout_ms = 2000", "igentai.toml:1: orchestrator: producer_timeout_ms (2000) must be more than twice producer.heartbeat_ms (1000)"),
        ("[run]\nproducers = ", "igentai.toml:2: is not TOML: string values must be quoted, expected literal string"),
        ("[run]\nproducers = 3\nproducers = 4", "igentai.toml:3: is not TOML: duplicate key"),
        ("[run\nproducers = 3", "igentai.toml:1: is not TOML: unclosed table, expected `]`"),
        ("[web]\nport = 1\n[producer\nport = 2", "igentai.toml:3: is not TOML: unclosed table, expected `]`"),
        ("[providers]\nsmall = 3", "igentai.toml:2: providers.small = 3: must be a section: write [providers.small]"),
    ];
    for (text, message) in table {
        assert_eq!(errors(text), [*message], "{text}");
    }
}

#[test]
fn each_mistake_in_a_provider_has_its_message() {
    #[rustfmt::skip]
    let table: &[(&str, &str)] = &[
        ("weight = -1", "igentai.toml:5: providers.small.weight = -1: must be a number of at least 0"),
        ("weight = nan", "igentai.toml:5: providers.small.weight = nan: must be a number of at least 0"),
        ("weight = inf", "igentai.toml:5: providers.small.weight = inf: must be a number of at least 0"),
        ("wieght = 1", "igentai.toml:5: providers.small.wieght = 1: is not known here; did you mean weight?"),
        ("temperature = 3", "igentai.toml:5: providers.small.temperature = 3: must be a number from 0 to 2"),
        ("timeout_seconds = 0", "igentai.toml:5: providers.small.timeout_seconds = 0: must be a number from 1 to 3600"),
        ("max_concurrency = 0", "igentai.toml:5: providers.small.max_concurrency = 0: must be a whole number from 1 to 1024"),
        ("requests_per_minute = -5", "igentai.toml:5: providers.small.requests_per_minute = -5: must be a whole number from 1 to 1000000"),
        ("max_output_tokens = 0", "igentai.toml:5: providers.small.max_output_tokens = 0: must be a whole number from 1 to 1000000"),
        ("usd_per_million_input_tokens = -0.1", "igentai.toml:5: providers.small.usd_per_million_input_tokens = -0.1: must be a number of at least 0"),
        ("api_key = \"sk-seeded-secret\"", "igentai.toml:5: providers.small.api_key = ***: a key does not belong here; use api_key_env or api_key_file"),
        ("apikey = \"seeded-secret\"", "igentai.toml:5: providers.small.apikey = ***: is not known here; did you mean api_key_env?"),
        ("Authorization = \"Bearer seeded-secret\"", "igentai.toml:5: providers.small.Authorization = ***: is not known here; known are kind, base_url, model, api_key_env, api_key_file, usd_per_million_input_tokens, usd_per_million_output_tokens, weight, max_concurrency, requests_per_minute, timeout_seconds, temperature, max_output_tokens"),
        ("extra = \"bearer seeded-secret\"", "igentai.toml:5: providers.small.extra = ***: is not known here; known are kind, base_url, model, api_key_env, api_key_file, usd_per_million_input_tokens, usd_per_million_output_tokens, weight, max_concurrency, requests_per_minute, timeout_seconds, temperature, max_output_tokens"),
        ("api_key_env = \"UNSET_KEY\"", "igentai.toml:5: providers.small.api_key_env: environment variable UNSET_KEY is not set; set it to the provider's key"),
        ("api_key_env = \"sk-seeded-secret\"", "igentai.toml:5: providers.small.api_key_env = ***: names no environment variable that is set; write the variable's name here, never the key"),
        ("api_key_env = 1234567890", "igentai.toml:5: providers.small.api_key_env = ***: must be a text in quotes"),
        ("api_key_file = \"none.key\"", "igentai.toml:5: providers.small.api_key_file: key file none.key cannot be read: No such file or directory (os error 2)"),
        ("api_key_file = \"openai_key\"", "igentai.toml:5: providers.small.api_key_file: key file openai_key cannot be read: No such file or directory (os error 2)"),
        ("api_key_file = \"seeded-secret-0123456789\"", "igentai.toml:5: providers.small.api_key_file: key file *** cannot be read: No such file or directory (os error 2)"),
        ("api_key_file = \"sk-seeded-secret\"", "igentai.toml:5: providers.small.api_key_file: key file *** cannot be read: No such file or directory (os error 2)"),
        ("api_key_file = \"empty.key\"", "igentai.toml:5: providers.small.api_key_file: key file empty.key is empty"),
        ("api_key_file = \"two.key\"", "igentai.toml:5: providers.small.api_key_file: key file two.key holds more than a key: only one line of visible ASCII characters can be sent"),
        ("api_key_file = \"good.key\"\napi_key_env = \"X\"", "igentai.toml:5: providers.small.api_key_file = ***: must not stand beside api_key_env; keep one of them"),
    ];
    for (line, message) in table {
        assert_eq!(errors(&format!("{KEYLESS}{line}\n")), [*message], "{line}");
    }
}

#[test]
fn a_provider_says_what_it_lacks() {
    #[rustfmt::skip]
    let table: &[(&str, &str)] = &[
        ("[providers.a]\nmodel = \"m\"", "igentai.toml:1: providers.a.kind: is missing: say openai, anthropic, gemini, ollama or demo"),
        ("[providers.a]\nkind = \"opnai\"", "igentai.toml:2: providers.a.kind = \"opnai\": must be one of openai, anthropic, gemini, ollama, demo; did you mean openai?"),
        ("[providers.a]\nkind = \"ollama\"", "igentai.toml:1: providers.a.model: is missing: say which model to ask"),
        ("[providers.a]\nkind = \"ollama\"\nmodel = 3", "igentai.toml:3: providers.a.model = 3: must be a text in quotes"),
        ("[providers.a]\nkind = \"gemini\"\nmodel = \"m\"", "igentai.toml:1: providers.a.api_key_env: is missing: https://generativelanguage.googleapis.com wants a key; set api_key_env or api_key_file"),
        ("[providers.\"a b\"]\nkind = \"demo\"", "igentai.toml:1: providers.\"a b\": a provider's name must be 1 to 64 of the characters a-z, A-Z, 0-9, _, - and ."),
        ("[providers.a]\nkind = \"ollama\"\nmodel = \"m\"\nbase_url = \"http://me:seeded-secret@h?key=seeded-secret\"", "igentai.toml:4: providers.a.base_url = \"http://***@h?***\": must be an address such as http://127.0.0.1:8000/v1: http or https, a host, no user or password, no ? or #"),
        ("[providers.a]\nkind = \"openai\"\nmodel = \"m\"\nbase_url = \"127.0.0.1:8000/v1\"", "igentai.toml:4: providers.a.base_url = \"127.0.0.1:8000/v1\": must be an address such as http://127.0.0.1:8000/v1: http or https, a host, no user or password, no ? or #"),
        ("[providers.a]\nkind = \"openai\"\nmodel = \"m\"\nbase_url = 3", "igentai.toml:4: providers.a.base_url = 3: must be a text in quotes"),
        ("[providers.a]\nkind = \"openai\"\nmodel = \"m\"\nbase_url = \"http://h/v1/chat/completions\"", "igentai.toml:4: providers.a.base_url = \"http://h/v1/chat/completions\": must end before /chat/completions, which is added to every request"),
    ];
    for (text, message) in table {
        assert_eq!(errors(text), [*message], "{text}");
    }
}

#[test]
fn all_mistakes_are_told_at_once_in_the_order_of_the_file() {
    let text = "[run]\nproducers = 0\nzzz = 1\n[web]\nport = -1\n[providers.a]\nkind = \"openai\"\nweight = -1\napi_key = \"seeded-secret\"\n";
    let environment =
        environment(&[("PORT", "eighty"), ("IGENTAI__LOG__LEVEL", "loud"), ("IGENTAI__RUN", "1")]);
    let flag = Flag {
        name: "--items".to_owned(),
        path: vec!["run".to_owned(), "items_per_request".to_owned()],
        value: "501".to_owned(),
    };
    let errors = load_with(text, &environment, &[flag]).unwrap_err();
    #[rustfmt::skip]
    assert_eq!(errors, [
        "igentai.toml:2: run.producers = 0: must be a whole number from 1 to 1000",
        "igentai.toml:3: run.zzz = 1: is not known here; known are producers, out, items_per_request, dry_after_answers, partition, probe_share_percent, until_complete_percent, min_new_per_100_requests, accept, min_chars, max_chars, script",
        "igentai.toml:6: providers.a.model: is missing: say which model to ask",
        "igentai.toml:8: providers.a.weight = -1: must be a number of at least 0",
        "igentai.toml:9: providers.a.api_key = ***: a key does not belong here; use api_key_env or api_key_file",
        "IGENTAI__LOG__LEVEL: log.level = loud: must be error, warn, info, debug, trace or off, or directives such as info,igentai_producer=debug",
        "IGENTAI__RUN: names no setting; write IGENTAI__SECTION__KEY, such as IGENTAI__RUN__PRODUCERS",
        "PORT = eighty: must be a whole number from 0 to 65535",
        "--items: run.items_per_request = 501: must be a whole number from 1 to 500",
    ]);
}

#[test]
fn a_broken_line_does_not_hide_other_mistakes_nor_make_up_new_ones() {
    let text = "[providers.a]\nkind = \nmodel = \"m\"\nweight = -1\n";
    #[rustfmt::skip]
    assert_eq!(errors(text), [
        "igentai.toml:2: is not TOML: string values must be quoted, expected literal string",
        "igentai.toml:4: providers.a.weight = -1: must be a number of at least 0",
    ]);
}

#[test]
fn a_variable_is_named_where_it_is_wrong() {
    let table = [
        (
            ("AMQP_URL", "amqp:/x"),
            "AMQP_URL = amqp:/x: must be an address such as amqp://user:password@host:5672/%2f (or amqps://)",
        ),
        (
            ("AMQP_URL", "u:seeded-secret@host"),
            "AMQP_URL = ***@host: must be an address such as amqp://user:password@host:5672/%2f (or amqps://)",
        ),
        (("LOG_FORMAT", "xml"), "LOG_FORMAT = xml: must be one of text, json"),
        (
            ("IGENTAI__PROVIDERS__A__API_KEY", "seeded-secret"),
            "IGENTAI__PROVIDERS__A__API_KEY: providers.a.api_key = ***: a key does not belong here; use api_key_env or api_key_file",
        ),
        (
            ("IGENTAI__WEB__PROT", "1"),
            "IGENTAI__WEB__PROT: web.prot = 1: is not known here; did you mean port?",
        ),
    ];
    for (variable, message) in table {
        let text = "[providers.a]\nkind = \"demo\"\n";
        assert_eq!(load_with(text, &environment(&[variable]), &[]).unwrap_err(), [message]);
    }
}

#[test]
fn a_named_file_must_exist_and_be_readable_text() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.toml");
    let said = |path: &Path| Config::load(Some(path), &Environment::default()).unwrap_err()[0].to_string();
    assert!(said(&path).ends_with("x.toml: cannot be read: No such file or directory (os error 2)"));
    fs::write(&path, [0xff, 0xfe]).unwrap();
    assert!(said(&path).contains("cannot be read: stream did not contain valid UTF-8"));
    fs::write(&path, "#".repeat(2 << 20)).unwrap();
    assert!(said(&path).contains("cannot be read: it is larger than 1024 KiB"));
}

#[test]
fn an_escape_sequence_in_a_file_is_not_repeated() {
    for text in
        ["[run]\n\"\\u001b[2J\" = 1", "[run]\nout = 3\n\"\\u001b[2J\" = '\u{7}'", "[\"\\u001b[2J\"]\n"]
    {
        let errors = errors(text);
        assert!(!errors.concat().contains(char::is_control), "{errors:?}");
    }
}
