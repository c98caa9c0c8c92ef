//! A mutation: one way to break one object of an overlay.

use k8s_checks::manifests::{Manifests, Object};
use serde_json::Value;

/// One way to break one object.
pub(crate) struct Mutation {
    /// The check that has to find it.
    pub(crate) check: &'static str,
    /// The overlay that is broken.
    pub(crate) overlay: &'static str,
    /// Kind and name, or the beginning of it.
    pub(crate) object: &'static str,
    /// What is changed.
    pub(crate) change: Change,
}

/// What is changed in an object.
pub(crate) enum Change {
    /// Another value at a pointer, which may be new.
    Set(&'static str, Value),
    /// Nothing at a pointer.
    Remove(&'static str),
    /// The object is gone.
    Drop,
    /// Another object beside it.
    Join(Value),
    /// The object comes last.
    Last,
    /// A text in the value at a pointer is another.
    Replace(&'static str, &'static str, &'static str),
}

use Change::{Drop, Join, Last, Remove, Replace, Set};

/// A mutation of an overlay.
pub(crate) fn on(check: &'static str, overlay: &'static str, object: &'static str, change: Change) -> Mutation {
    Mutation { check, overlay, object, change }
}

/// The manifests with the mutation.
pub(crate) fn changed(manifests: &Manifests, mutation: &Mutation) -> Manifests {
    let mut broken = manifests.clone();
    let (objects, id) = match mutation.object.strip_prefix("merged ") {
        Some(id) => (&mut broken.merged, id),
        None => (&mut broken.objects, mutation.object),
    };
    let found = objects.iter().position(|object| object.id().starts_with(id));
    let place = found.unwrap_or_else(|| panic!("{} has no {}", manifests.name, mutation.object));
    let value = &mut objects[place].0;
    match &mutation.change {
        Set(pointer, new) => set(value, pointer, new.clone()),
        Remove(pointer) => remove(value, pointer),
        Replace(pointer, old, new) => {
            let text = value.pointer(pointer).and_then(Value::as_str).expect("there is a text");
            assert!(text.contains(old), "{pointer} has no {old}");
            let text = text.replace(old, new);
            set(value, pointer, text.into());
        }
        Drop => drop(objects.remove(place)),
        Join(new) => objects.insert(place, Object(new.clone())),
        Last => {
            let object = objects.remove(place);
            objects.push(object);
        }
    }
    broken
}

fn set(value: &mut Value, pointer: &str, new: Value) {
    let (parent, key) = parent_of(value, pointer);
    match parent {
        Value::Array(items) => {
            let place: usize = key.parse().expect("a place in a list is a number");
            if place == items.len() { items.push(new) } else { items[place] = new }
        }
        Value::Object(fields) => drop(fields.insert(key, new)),
        other => panic!("{pointer} leads into {other}"),
    }
}

fn remove(value: &mut Value, pointer: &str) {
    let (parent, key) = parent_of(value, pointer);
    match parent {
        Value::Array(items) => drop(items.remove(key.parse().expect("a place in a list is a number"))),
        Value::Object(fields) => assert!(fields.remove(&key).is_some(), "there is nothing at {pointer}"),
        other => panic!("{pointer} leads into {other}"),
    }
}

/// What a pointer's last step is taken from, and that step. Objects on the way are made.
fn parent_of<'a>(value: &'a mut Value, pointer: &str) -> (&'a mut Value, String) {
    let (parents, key) = pointer.rsplit_once('/').expect("a pointer begins with a slash");
    let unescaped = |step: &str| step.replace("~1", "/").replace("~0", "~");
    let mut value = value;
    for step in parents.split('/').skip(1) {
        value = match value {
            Value::Array(items) => &mut items[step.parse::<usize>().expect("a place in a list is a number")],
            other => &mut other[unescaped(step)],
        };
    }
    (value, unescaped(key))
}

impl Change {
    /// How it reads in a failure.
    pub(crate) fn shown(&self) -> String {
        match self {
            Set(pointer, value) => format!("{pointer} = {value}"),
            Remove(pointer) => format!("without {pointer}"),
            Drop => "gone".to_owned(),
            Join(value) => format!("with {value}"),
            Last => "last".to_owned(),
            Replace(pointer, old, new) => format!("{pointer}: {old} -> {new}"),
        }
    }
}
