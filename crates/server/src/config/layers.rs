//! The layers of the configuration, one upon the other, and who said what.

use std::{fs, path::Path};

use figment::{
    Error, Figment, Metadata, Profile, Provider, Source,
    error::{Actual, Kind},
    providers::{Format, Toml},
    value::{Dict, Empty, Map, Value},
};
use serde::Serialize;

use super::{ConfigError, ConfigOverrides, Origin, settings::Settings};

const FLAGS: &str = "flags";
const ENVIRONMENT: &str = "environment";
const FILE: &str = "file";
const DEFAULTS: &str = "defaults";

/// All layers.
pub(super) struct Layers(Figment);

/// What one layer says.
struct Layer {
    metadata: Metadata,
    values: Dict,
}

// === impl Layers ===

impl Layers {
    pub(super) fn read(
        file: Option<&Path>,
        environment: impl Fn(&str) -> Option<String>,
        overrides: &ConfigOverrides,
    ) -> Result<Self, ConfigError> {
        let defaults = given(Settings::default());
        let environment = from_environment(&defaults, environment);
        let mut layers = Figment::from(Layer::named(DEFAULTS, defaults));
        if let Some(path) = file {
            let metadata = Metadata::from(FILE, path);
            layers = layers.merge(Layer {
                metadata,
                values: from_file(path)?,
            });
        }
        let flags = given(overrides)
            .into_iter()
            .filter(|(_, value)| !is_absent(value))
            .collect();
        Ok(Self(
            layers
                .merge(Layer::named(ENVIRONMENT, environment))
                .merge(Layer::named(FLAGS, flags)),
        ))
    }

    /// What the layers say together.
    pub(super) fn settings(&self) -> Result<Settings, ConfigError> {
        self.0.extract().map_err(|error| self.explain(&error))
    }

    /// Who said what `key` is.
    pub(super) fn origin(&self, key: &str) -> Origin {
        let Some(metadata) = self.0.find_metadata(key) else {
            return Origin::Default;
        };
        match (&*metadata.name, &metadata.source) {
            (FILE, Some(Source::File(path))) => Origin::File(path.clone()),
            (FLAGS, _) => Origin::Flag(format!("--{}", key.replace('_', "-"))),
            (ENVIRONMENT, _) => Origin::Environment(variable(key)),
            _ => Origin::Default,
        }
    }

    /// Refuses what was said of `key`.
    pub(super) fn refuse(&self, key: &str, problem: impl Into<String>) -> ConfigError {
        ConfigError::Value {
            key: key.to_owned(),
            origin: self.origin(key),
            problem: problem.into(),
        }
    }

    /// The key as its writer knows it, for a message about several.
    pub(super) fn describe(&self, key: &str) -> String {
        match self.origin(key) {
            Origin::Flag(flag) => flag,
            Origin::Environment(name) => name,
            origin @ (Origin::File(_) | Origin::Default) => format!("{key} in {origin}"),
        }
    }

    fn explain(&self, error: &Error) -> ConfigError {
        if let Kind::UnknownField(unknown, known) = &error.kind {
            return ConfigError::UnknownKey {
                key: unknown.clone(),
                origin: self.origin(unknown),
                known: known.join(", "),
            };
        }
        let problem = if let Kind::InvalidType(found, wanted) | Kind::InvalidValue(found, wanted) = &error.kind {
            format!("it is {}, and has to be {}", plain_value(found), plain_type(wanted))
        } else {
            error.kind.to_string()
        };
        self.refuse(&error.path.join("."), problem)
    }
}

// === impl Layer ===

impl Layer {
    fn named(name: &'static str, values: Dict) -> Self {
        Self {
            metadata: Metadata::named(name),
            values,
        }
    }
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        self.metadata.clone()
    }

    fn data(&self) -> Result<Map<Profile, Dict>, Error> {
        Ok(Profile::Default.collect(self.values.clone()))
    }
}

/// The fields of a struct and their values.
fn given(fields: impl Serialize) -> Dict {
    let value = Value::serialize(fields).expect("text, numbers, booleans and lists of text can be written");
    value.into_dict().expect("a struct has fields")
}

fn from_file(path: &Path) -> Result<Dict, ConfigError> {
    let unreadable = |source| ConfigError::Unreadable {
        path: path.to_path_buf(),
        source,
    };
    let text = fs::read_to_string(path).map_err(unreadable)?;
    Toml::from_str(&text).map_err(|error| ConfigError::Malformed {
        path: path.to_path_buf(),
        line: text[..error.span().map_or(0, |span| span.start)].matches('\n').count() + 1,
        problem: error.message().replace('\n', "; "),
    })
}

/// The variables that are set, each in the shape that the default of its key has.
fn from_environment(defaults: &Dict, environment: impl Fn(&str) -> Option<String>) -> Dict {
    let shaped = |(key, default): (&String, &Value)| {
        let text = environment(&variable(key)).filter(|text| !text.is_empty())?;
        let value = match default {
            Value::Num(..) | Value::Bool(..) => text.trim().parse().unwrap_or_else(|_| Value::from(text)),
            Value::Array(..) => text.split(',').map(str::trim).collect::<Vec<_>>().into(),
            Value::String(..) | Value::Char(..) | Value::Empty(..) | Value::Dict(..) => Value::from(text),
        };
        Some((key.clone(), value))
    };
    defaults.iter().filter_map(shaped).collect()
}

fn variable(key: &str) -> String {
    format!("QUORATE_{}", key.to_uppercase())
}

fn is_absent(value: &Value) -> bool {
    matches!(value, Value::Empty(_, Empty::None | Empty::Unit))
}

/// A value without its type, unless there is nothing else to say of it.
fn plain_value(found: &Actual) -> String {
    let typed = found.to_string();
    typed.split('`').nth(1).unwrap_or(&typed).to_owned()
}

/// What a type is called by people who do not write Rust.
fn plain_type(wanted: &str) -> &str {
    match wanted {
        "u64" | "u32" => "a whole number, 0 or more",
        "a boolean" => "true or false",
        "a string" | "string" | "option" => "text in quotes",
        "a sequence" | "sequence" => "a list of texts",
        other => other,
    }
}
