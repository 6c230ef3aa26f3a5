//! What readers see: immutable views.

use quorate_model::{Lifetime, NamespaceName, ServiceName};
use quorate_state::{Command, Mutation, Takeover};

use crate::samples::{Node, deregister, held, key, register, web};

fn register_at(namespace: &str, service: &str, id: &str) -> Command {
    let mut key = key(id);
    key.namespace = namespace.parse().expect("valid");
    key.service = service.parse().expect("valid");
    Command::Mutate(Mutation::Register {
        key,
        spec: held(80, "", 0),
        takeover: Takeover::Forbidden,
        lifetime: Lifetime::Persistent,
        registered_at_ms: 0,
    })
}

#[test]
fn a_view_stays_as_it_was() {
    let mut node = Node::founded();
    node.apply(&register("a", held(80, "", 0)));
    let view = node.state.clone();
    let service = view.service(&web()).unwrap();
    node.apply(&register("b", held(80, "", 0)));
    node.apply(&deregister("a", None));

    assert_eq!(service.len(), 1);
    assert!(view.instance(&key("a")).is_some() && view.instance(&key("b")).is_none());
    assert!(node.state.instance(&key("a")).is_none() && node.state.instance(&key("b")).is_some());
}

#[test]
fn what_a_write_does_not_touch_is_shared() {
    let mut node = Node::founded();
    node.apply(&register_at("default", "api", "a"));
    node.apply(&register("a", held(80, "", 0)));
    node.apply(&register("b", held(80, "", 0)));
    let view = node.state.clone();
    node.apply(&register("b", held(81, "", 0)));

    let api = register_at("default", "api", "a");
    let Command::Mutate(Mutation::Register { key: api, .. }) = api else {
        panic!("not a registration");
    };
    let shared = |key| std::sync::Arc::ptr_eq(&view.instance(&key).unwrap(), &node.state.instance(&key).unwrap());
    assert!(shared(key("a")));
    assert!(!shared(key("b")));
    let service = |state: &quorate_state::State| state.service(&api.service_key()).unwrap();
    assert!(std::sync::Arc::ptr_eq(&service(&view), &service(&node.state)));
}

#[test]
fn a_service_is_there_as_long_as_it_has_instances() {
    let mut node = Node::founded();
    let empty = node.state.hash();
    assert!(node.state.service(&web()).is_none());
    node.apply(&register("a", held(80, "", 0)));
    assert_eq!(node.state.service(&web()).unwrap().len(), 1);
    node.apply(&deregister("a", None));
    assert!(node.state.service(&web()).is_none());
    assert_eq!(node.state.all_services().len(), 0);
    assert_eq!(node.state.instance_count(), 0);
    assert_eq!(node.state.hash(), empty);
}

#[test]
fn services_and_instances_come_in_order_and_namespaces_apart() {
    let mut node = Node::founded();
    for (namespace, service, id) in [
        ("b", "web", "a"),
        ("b", "api", "a"),
        ("b", "-", "a"),
        ("b.", "web", "a"),
        ("a", "zoo", "a"),
        ("b", "web", "Z"),
        ("b", "web", "1"),
    ] {
        node.apply(&register_at(namespace, service, id));
    }
    let names = |namespace: &str| -> Vec<String> {
        let namespace: NamespaceName = namespace.parse().unwrap();
        let services = node.state.services(&namespace);
        services.map(|service| service.key().service.to_string()).collect()
    };
    assert_eq!(names("b"), ["-", "api", "web"]);
    assert_eq!(names("a"), ["zoo"]);
    assert_eq!(names("c"), [""; 0]);

    let mut web = web();
    web.namespace = "b".parse().unwrap();
    web.service = ServiceName::try_from("web").unwrap();
    let service = node.state.service(&web).unwrap();
    let ids: Vec<&str> = service.instances().map(|instance| instance.key().id.as_str()).collect();
    assert_eq!(ids, ["1", "Z", "a"]);
}
