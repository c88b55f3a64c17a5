//! Several observers as one.

use std::sync::Arc;

use crate::event::{Event, Observer};

/// Passes each event to all of its observers, in the order given, on the thread that said it.
#[derive(Clone, Default)]
pub struct Fan {
    observers: Vec<Arc<dyn Observer>>,
}

impl Fan {
    /// A fan over these observers; over none it is silent.
    pub fn new(observers: Vec<Arc<dyn Observer>>) -> Self {
        Self { observers }
    }
}

impl Observer for Fan {
    fn on(&self, event: &Event) {
        for observer in &self.observers {
            observer.on(event);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    struct Note(&'static str, Arc<Mutex<Vec<&'static str>>>);

    impl Observer for Note {
        fn on(&self, _: &Event) {
            self.1.lock().unwrap().push(self.0);
        }
    }

    #[test]
    fn each_observer_hears_each_event_once_and_in_order() {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let note = |name| Arc::new(Note(name, heard.clone())) as Arc<dyn Observer>;
        let fan = Fan::new(vec![note("a"), note("b")]);
        fan.on(&Event::Planned { items: 1, bytes: 0 });
        fan.on(&Event::Planned { items: 2, bytes: 0 });
        assert_eq!(*heard.lock().unwrap(), ["a", "b", "a", "b"]);
    }
}
