//! Who may do what, and where.

use super::*;

fn principal(rights: Rights, aors: &[&str], domains: &[&str]) -> Principal {
    Principal {
        name: "p".into(),
        actor: Actor::SYSTEM,
        aors: aors.iter().map(|aor| aor.parse().unwrap()).collect(),
        domains: domains.iter().map(|d| d.parse().unwrap()).collect(),
        rights,
        expires_at: None,
        mark: String::new(),
    }
}

fn token(scopes: &[TokenScope]) -> Principal {
    principal(Rights::Scopes(scopes.to_vec()), &[], &[])
}

fn reached(scope: &Scope) -> Vec<&'static str> {
    let all = [
        "sip:alice@example.org",
        "sip:bob@example.net",
        "sip:carol@sub.example.org",
        "tel:+12015550123",
    ];
    let is_reached = |text: &&str| scope.covers(&text.parse().unwrap());
    all.into_iter().filter(is_reached).collect()
}

#[test]
fn a_token_grants_its_scopes_and_no_other() {
    use TokenScope::{Admin, Delete, Gateway, Operator, Read};
    let all = [Gateway, Read, Delete, Operator, Admin];
    let granted = |scopes: &[TokenScope]| -> Vec<TokenScope> {
        all.into_iter().filter(|s| token(scopes).may(*s)).collect()
    };
    assert_eq!(granted(&[Gateway]), [Gateway]);
    assert_eq!(granted(&[Read]), [Read]);
    assert_eq!(granted(&[Delete]), [Delete]);
    assert_eq!(granted(&[Operator]), [Read, Delete, Operator]);
    assert_eq!(granted(&[Admin]), [Read, Delete, Operator, Admin]);
    assert_eq!(granted(&[]), []);
}

#[test]
fn no_role_hands_over_messages() {
    for role in [Role::User, Role::Operator, Role::Admin] {
        let person = principal(Rights::Role(role), &[], &[]);
        assert!(!person.may(TokenScope::Gateway));
    }
}

#[test]
fn a_user_reaches_its_own_accounts_only() {
    let user = principal(Rights::Role(Role::User), &["sip:alice@example.org"], &[]);
    assert_eq!(reached(&user.scope()), ["sip:alice@example.org"]);
    assert_eq!(reached(&user.operating()), [""; 0]);
}

#[test]
fn an_operator_of_no_domain_reaches_all_and_one_of_a_domain_its_own() {
    for rights in [
        Rights::Role(Role::Operator),
        Rights::Scopes(vec![TokenScope::Operator]),
    ] {
        let everywhere = principal(rights.clone(), &[], &[]);
        assert!(everywhere.operates_everywhere());
        assert_eq!(reached(&everywhere.scope()).len(), 4);
        let bound = principal(rights, &["sip:bob@example.net"], &["EXAMPLE.org"]);
        assert!(bound.is_operator() && !bound.operates_everywhere());
        let own = ["sip:alice@example.org", "sip:bob@example.net"];
        assert_eq!(reached(&bound.scope()), own);
        assert_eq!(reached(&bound.operating()), ["sip:alice@example.org"]);
    }
}

/// A domain gives rights to operators and gateways, and takes none from administrators.
#[test]
fn domains_are_for_operators_and_gateways() {
    let domain = &["example.org"];
    let user = principal(Rights::Role(Role::User), &[], domain);
    assert_eq!(reached(&user.scope()), [""; 0]);
    let reader = Rights::Scopes(vec![TokenScope::Read, TokenScope::Gateway]);
    let reader = principal(reader, &["sip:bob@example.net"], domain);
    assert_eq!(reached(&reader.scope()), ["sip:bob@example.net"]);
    let handed = ["sip:alice@example.org", "sip:bob@example.net"];
    assert_eq!(reached(&reader.gateway_scope()), handed);
    let admin = principal(Rights::Role(Role::Admin), &[], domain);
    assert_eq!(reached(&admin.scope()).len(), 4);
    assert_eq!(
        reached(&token(&[TokenScope::Gateway]).gateway_scope()).len(),
        4
    );
}

#[test]
fn nobody_grants_more_than_they_have() {
    use TokenScope::{Admin, Delete, Gateway, Operator, Read};
    let own: Aor = "sip:alice@example.org".parse().unwrap();
    let other: Aor = "sip:bob@example.org".parse().unwrap();
    let domain: Domain = "example.org".parse().unwrap();
    let elsewhere: Domain = "example.net".parse().unwrap();
    let aors = ["sip:alice@example.org"];
    let user = principal(Rights::Role(Role::User), &aors, &[]);
    let bound = principal(Rights::Role(Role::Operator), &aors, &["example.org"]);
    let everywhere = principal(Rights::Role(Role::Operator), &aors, &[]);
    let admin = principal(Rights::Role(Role::Admin), &[], &[]);
    let may = |who: &Principal, scopes: &[TokenScope], aors: &[&Aor], domains: &[&Domain]| {
        let aors: Vec<Aor> = aors.iter().map(|aor| (*aor).clone()).collect();
        let domains: Vec<Domain> = domains.iter().map(|domain| (*domain).clone()).collect();
        who.may_grant(Grant {
            scopes,
            aors: &aors,
            domains: &domains,
            expires_at: None,
        })
    };
    for who in [&user, &bound, &everywhere, &admin] {
        assert_eq!(may(who, &[Read, Delete], &[&own], &[]), Ok(()));
    }
    for who in [&user, &bound, &everywhere] {
        let refused = Err(Excess::Aor(other.clone()));
        assert_eq!(may(who, &[Read], &[&own, &other], &[]), refused);
        for scope in [Gateway, Admin] {
            assert_eq!(may(who, &[scope], &[], &[]), Err(Excess::Scope(scope)));
        }
    }
    let refused = Err(Excess::Scope(Operator));
    assert_eq!(may(&user, &[Operator], &[], &[&domain]), refused);
    let refused = Err(Excess::Domain(domain.clone()));
    assert_eq!(may(&user, &[Read], &[&own], &[&domain]), refused);
    assert_eq!(may(&bound, &[Operator], &[], &[&domain]), Ok(()));
    assert_eq!(may(&bound, &[Operator], &[], &[]), Err(Excess::Everywhere));
    let refused = Err(Excess::Domain(elsewhere.clone()));
    assert_eq!(
        may(&bound, &[Operator], &[], &[&domain, &elsewhere]),
        refused
    );
    assert_eq!(may(&everywhere, &[Operator], &[], &[]), Ok(()));
    assert_eq!(may(&everywhere, &[Operator], &[], &[&elsewhere]), Ok(()));
    for scope in [Gateway, Operator, Admin] {
        assert_eq!(may(&admin, &[scope], &[], &[]), Ok(()));
    }
}

#[test]
fn no_token_makes_one_that_outlives_it() {
    let mut admin = token(&[TokenScope::Admin]);
    admin.expires_at = Some(DateTime::UNIX_EPOCH);
    let until = |expires_at| {
        admin.may_grant(Grant {
            scopes: &[TokenScope::Read],
            aors: &[],
            domains: &[],
            expires_at,
        })
    };
    assert_eq!(until(Some(DateTime::UNIX_EPOCH)), Ok(()));
    let later = DateTime::UNIX_EPOCH + chrono::TimeDelta::seconds(1);
    assert_eq!(until(Some(later)), Err(Excess::Life));
    assert_eq!(until(None), Err(Excess::Life));
}
