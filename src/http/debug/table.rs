//! Things by their names, and what has changed of them from one look to the next. Pure.

use serde_json::{Map, Value, json};
use std::collections::{HashMap, HashSet};

/// One thing: what is said of it once and when it changes, and what is counted all the time.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    fields: Map<String, Value>,
    /// One value for each of the table's columns.
    counts: Vec<Value>,
}

/// Things of one kind, in their order.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// The names of what is counted; `a.b` is the field `b` of the object `a`, which is null if all of its fields are.
    columns: &'static [&'static str],
    rows: Vec<(String, Row)>,
}

impl Table {
    /// A table of these objects by their names, of which `columns` are counted.
    pub fn of(
        columns: &'static [&'static str],
        objects: impl IntoIterator<Item = (String, Map<String, Value>)>,
    ) -> Self {
        let rows = objects.into_iter().map(|(name, object)| (name, Row::of(object, columns))).collect();
        Self { columns, rows }
    }

    /// The names of what is counted.
    pub fn columns(&self) -> &'static [&'static str] {
        self.columns
    }

    /// The names of all, in their order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.rows.iter().map(|(name, _)| name.as_str())
    }

    /// Everything as objects.
    pub fn objects(&self) -> impl Iterator<Item = (&str, Map<String, Value>)> {
        self.rows.iter().map(|(name, row)| (name.as_str(), row.object(self.columns)))
    }

    /// A field of one thing.
    pub fn field(&self, name: &str, field: &str) -> Option<&Value> {
        self.rows.iter().find(|(it, _)| it == name).and_then(|(_, row)| row.fields.get(field))
    }

    /// Keeps what was counted `before` of those of whom nothing else has changed.
    pub fn keep_counts(&mut self, before: &Self) {
        let before = before.index();
        for (name, row) in &mut self.rows {
            if let Some(had) = before.get(name.as_str())
                && had.fields == row.fields
            {
                row.counts.clone_from(&had.counts);
            }
        }
    }

    /// What has changed from here to `now`: `set` has the fields that are new, `counts` whole rows, `gone` names. None if nothing
    /// has. Whoever is new comes after all others.
    pub fn changes(&self, now: &Self) -> Option<Value> {
        let before = self.index();
        let (mut set, mut counts) = (Map::new(), Map::new());
        for (name, row) in &now.rows {
            let had = before.get(name.as_str());
            let is_new = |field: &str, value: &Value| had.is_none_or(|had| had.fields.get(field) != Some(value));
            let fields: Map<_, _> = row
                .fields
                .iter()
                .filter(|(field, value)| is_new(field, value))
                .map(|(field, value)| (field.clone(), value.clone()))
                .collect();
            if had.is_none() || !fields.is_empty() {
                set.insert(name.clone(), fields.into());
            }
            if !row.counts.is_empty() && had.is_none_or(|had| had.counts != row.counts) {
                counts.insert(name.clone(), row.counts.clone().into());
            }
        }
        let stay: HashSet<&str> = now.names().collect();
        let gone: Vec<&str> = self.names().filter(|name| !stay.contains(name)).collect();
        let mut change = Map::new();
        if !gone.is_empty() {
            change.insert("gone".into(), json!(gone));
        }
        for (name, part) in [("set", set), ("counts", counts)] {
            if !part.is_empty() {
                change.insert(name.into(), part.into());
            }
        }
        (!change.is_empty()).then(|| change.into())
    }

    fn index(&self) -> HashMap<&str, &Row> {
        self.rows.iter().map(|(name, row)| (name.as_str(), row)).collect()
    }
}

impl Row {
    fn of(mut fields: Map<String, Value>, columns: &[&str]) -> Self {
        let count = |column: &&str| match column.split_once('.') {
            Some((group, name)) => fields.get(group).and_then(|group| group.get(name)).cloned().unwrap_or_default(),
            None => fields.get(*column).cloned().unwrap_or_default(),
        };
        let counts = columns.iter().map(count).collect();
        for column in columns {
            fields.shift_remove(column.split_once('.').map_or(*column, |(group, _)| group));
        }
        Self { fields, counts }
    }

    fn object(&self, columns: &[&str]) -> Map<String, Value> {
        let mut object = self.fields.clone();
        for (column, value) in columns.iter().zip(&self.counts) {
            match column.split_once('.') {
                None => object.insert((*column).to_owned(), value.clone()),
                Some((group, name)) if self.has_any(group, columns) => {
                    let group = object.entry(group).or_insert_with(|| Map::new().into());
                    group.as_object_mut().and_then(|group| group.insert(name.to_owned(), value.clone()))
                }
                Some((group, _)) => object.insert(group.to_owned(), Value::Null),
            };
        }
        object
    }

    /// Whether anything is known of this group of columns.
    fn has_any(&self, group: &str, columns: &[&str]) -> bool {
        let of_group = |column: &str| column.split_once('.').is_some_and(|(it, _)| it == group);
        columns.iter().zip(&self.counts).any(|(column, value)| of_group(column) && !value.is_null())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const COLUMNS: &[&str] = &["sent", "link.rate", "link.queue"];

    impl Table {
        /// What whoever follows makes of a change.
        pub fn apply(&mut self, change: Option<&Value>) {
            let Some(change) = change else { return };
            let gone: Vec<&str> = change["gone"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            self.rows.retain(|(name, _)| !gone.contains(&name.as_str()));
            for (name, fields) in change["set"].as_object().into_iter().flatten() {
                let row = self.row(name);
                row.fields.extend(fields.as_object().unwrap().clone());
            }
            for (name, counts) in change["counts"].as_object().into_iter().flatten() {
                self.row(name).counts = counts.as_array().unwrap().clone();
            }
        }

        fn row(&mut self, name: &str) -> &mut Row {
            let at = self.rows.iter().position(|(it, _)| it == name).unwrap_or_else(|| {
                self.rows.push((name.to_owned(), Row { fields: Map::new(), counts: vec![] }));
                self.rows.len() - 1
            });
            &mut self.rows[at].1
        }

        /// The same in the order of the names.
        pub fn sorted(mut self) -> Self {
            self.rows.sort_by(|(a, _), (b, _)| a.cmp(b));
            self
        }
    }

    fn object(value: Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    /// Any of a few things in any of a few states.
    fn table() -> impl Strategy<Value = Table> {
        let link = prop_oneof![
            Just(Value::Null),
            (0..3u8, 0..2u8).prop_map(|(rate, queue)| json!({ "rate": rate, "queue": queue })),
        ];
        let state = prop_oneof![Just(Value::Null), Just(json!("live")), Just(json!({ "spent": 1 }))];
        let thing = (0..3u8, link, state)
            .prop_map(|(sent, link, state)| object(json!({ "sent": sent, "link": link, "state": state, "kind": "x" })));
        prop::collection::btree_map("[a-e]", thing, 0..5).prop_map(|things| Table::of(COLUMNS, things))
    }

    proptest! {
        #[test]
        fn whoever_is_told_all_changes_knows_the_same(looks in prop::collection::vec(table(), 1..12)) {
            let (mut told, mut before) = (looks[0].clone(), looks[0].clone());
            for now in looks {
                told.apply(before.changes(&now).as_ref());
                prop_assert_eq!(told.clone().sorted(), now.clone().sorted());
                before = now;
            }
        }

        #[test]
        fn nothing_is_said_of_what_stays_as_it_is(look in table()) {
            prop_assert_eq!(look.changes(&look), None);
        }
    }

    #[test]
    fn objects_are_the_same_as_before_they_were_put_apart() {
        let things = [
            json!({ "sent": 1, "link": { "rate": 2, "queue": null }, "state": "live" }),
            json!({ "sent": 0, "link": null, "state": null }),
        ];
        let table = Table::of(COLUMNS, things.iter().map(|it| (it["sent"].to_string(), object(it.clone()))));
        let shown: Vec<Value> = table.objects().map(|(_, object)| object.into()).collect();
        assert_eq!(shown, things);
    }

    #[test]
    fn counts_are_kept_of_those_who_do_not_change_otherwise() {
        let look = |state: &str, sent: u8| {
            Table::of(COLUMNS, [("a".to_owned(), object(json!({ "sent": sent, "link": null, "state": state })))])
        };
        let before = look("live", 1);
        let mut same = look("live", 2);
        same.keep_counts(&before);
        assert_eq!(before.changes(&same), None);
        let mut other = look("idle", 2);
        other.keep_counts(&before);
        let expected = json!({ "set": { "a": { "state": "idle" } }, "counts": { "a": [2, null, null] } });
        assert_eq!(before.changes(&other), Some(expected));
    }
}
