//! The example documents of the specifications, and documents of clients in the field: all are taken.

use roxmltree::Document;

use super::{Candidate, Registry, Tree};
use crate::xcap::conflict::Conflict;

/// The root that the documents of the examples refer to.
pub(super) const ROOT: &str = "http://xcap.example.com";

/// What the usage says of a document of sip:joe@example.com.
pub(super) fn check(auid: &str, text: &str) -> Result<(), Conflict> {
    check_in(auid, Tree::Users("sip:joe@example.com"), text)
}

/// What the usage says of a document in this tree.
pub(super) fn check_in(auid: &str, tree: Tree<'_>, text: &str) -> Result<(), Conflict> {
    let registry = Registry::default();
    let document = Document::parse(text).unwrap_or_else(|e| panic!("{e}: {text}"));
    registry.usage(auid).unwrap().check(&Candidate {
        tree,
        name: "index",
        root: ROOT,
        document: &document,
    })
}

fn good(auid: &str, text: &str) {
    assert_eq!(check(auid, text), Ok(()), "{auid}: {text}");
}

#[test]
fn resource_lists_of_rfc_4826_and_4825() {
    good(
        "resource-lists",
        r#"<?xml version="1.0" encoding="UTF-8"?>
<resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
 <list name="friends">
  <entry uri="sip:bill@example.com"><display-name>Bill Doe</display-name></entry>
  <entry-ref ref="resource-lists/users/sip:bill@example.com/index/~~/resource-lists/list%5b@name=%22list1%22%5d/entry%5b@uri=%22sip:petri@example.com%22%5d"/>
  <list name="close-friends">
   <display-name>Close Friends</display-name>
   <entry uri="sip:joe@example.com"><display-name>Joe Smith</display-name></entry>
   <entry uri="sip:nancy@example.com"><display-name>Nancy Gross</display-name></entry>
   <external anchor="http://xcap.example.org/resource-lists/users/sip:a@example.org/index/~~/resource-lists/list%5b@name=%22mkting%22%5d">
    <display-name>Marketing</display-name>
   </external>
  </list>
 </list>
</resource-lists>"#,
    );
    let list = |content: &str| {
        format!(
            "<resource-lists xmlns=\"urn:ietf:params:xml:ns:resource-lists\">{content}</resource-lists>"
        )
    };
    // RFC 4825 figures 24 and 28, and after the second list was added.
    for content in [
        "",
        "<list name=\"friends\">\n</list>",
        "<list name=\"friends\"><entry uri=\"sip:bob@example.com\"><display-name>Bob Jones</display-name></entry></list>",
        "<list name=\"friends\"><entry uri=\"sip:bob@example.com\"/><list name=\"close-friends\">\
         <entry uri=\"sip:joe@example.com\"/><entry uri=\"sip:nancy@example.com\"/>\
         <entry uri=\"sip:petri@example.com\"/></list></list>",
    ] {
        good("resource-lists", &list(content));
    }
}

/// Extensions at the places for them, comments, languages, the same names and URIs in different lists.
#[test]
fn resource_lists_may_be_extended() {
    good(
        "resource-lists",
        r#"<r:resource-lists xmlns:r="urn:ietf:params:xml:ns:resource-lists" xmlns:x="urn:x" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="a b">
 <!-- a comment --><?a pi?>
 <r:list name="a" x:color="red" xml:lang="en">
  <r:display-name xml:lang="de-CH">Ä &amp; <![CDATA[<b>]]></r:display-name>
  <r:entry uri="SIP:a@example.com" x:y=""><x:phone>1 <b xmlns="">2</b></x:phone></r:entry>
  <r:entry uri="sip:a@example.com"/>
  <r:list/><r:list/>
  <r:list name="a"><r:entry uri="sip:a@example.com"/></r:list>
  <x:more/><x:more/>
 </r:list>
 <r:list name="b"><r:entry uri="sip:a@example.com"/></r:list>
</r:resource-lists>"#,
    );
}

#[test]
fn rls_services_of_rfc_4826_and_4825() {
    let services = r#"<?xml version="1.0" encoding="UTF-8"?>
<rls-services xmlns="urn:ietf:params:xml:ns:rls-services" xmlns:rl="urn:ietf:params:xml:ns:resource-lists"
   xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
 <service uri="sip:mybuddies@example.com">
  <resource-list>http://xcap.example.com/resource-lists/users/sip:joe@example.com/index/~~/resource-lists/list%5b@name=%22l1%22%5d</resource-list>
  <packages><package>presence</package></packages>
 </service>
 <service uri="sip:marketing@example.com">
  <list name="marketing"><rl:entry uri="sip:joe@example.com"/><rl:entry uri="sip:sudhir@example.com"/></list>
  <packages><package>presence</package></packages>
 </service>
</rls-services>"#;
    good("rls-services", services);
    // In the global tree the list may be anybody's.
    let global = services.replace("sip:joe@example.com/index", "sip:ann@example.com/index");
    assert_eq!(check_in("rls-services", Tree::Global, &global), Ok(()));
    // RFC 4825 figure 25.
    let text = r#"<rls-services xmlns="urn:ietf:params:xml:ns:rls-services">
<service uri="sip:myfriends@example.com">
  <resource-list>http://xcap.example.com/resource-lists/users/sip:bill@example.com/index/~~/resource-lists/list%5b@name=%22friends%22%5d
</resource-list>
  <packages><package>presence</package></packages></service></rls-services>"#;
    let bill = Tree::Users("sip:bill@example.com");
    assert_eq!(check_in("rls-services", bill, text), Ok(()));
}

/// The rule sets of RFC 4745 sections 7 and 11, for every usage that takes rule sets.
#[test]
fn rule_sets_of_rfc_4745() {
    let conditions = [
        r#"<identity><one id="sip:alice@example.com"/><one id="tel:+1-212-555-1234" /><one id="mailto:bob@example.net" /></identity>"#,
        "<identity><many/></identity>",
        r#"<sphere value="work"/><identity><many><except domain="example.com"/><except domain="example.org"/>
           <except id="sip:alice@bad.example.net"/><except id="tel:+1-212-555-1234" /></many></identity>
           <validity><from>2003-12-24T17:00:00+01:00</from><until>2003-12-24T19:00:00+01:00</until></validity>"#,
        r#"<identity><many domain="example.com"><except id="sip:alice@example.com"/></many></identity>"#,
        "<validity><from>2003-08-15T10:20:00.000-05:00</from><until>2003-09-15T10:20:00.000-05:00</until></validity>",
        r#"<identity><one id="sip:bob@example.com"/></identity><sphere value="work"/>
           <validity><from>2003-12-24T17:00:00+01:00</from><until>2003-12-24T19:00:00+01:00</until></validity>"#,
        "",
    ];
    for auid in [
        "pres-rules",
        "org.openmobilealliance.pres-rules",
        "org.openmobilealliance.access-rules",
    ] {
        for conditions in conditions {
            good(
                auid,
                &format!(
                    r#"<ruleset xmlns="urn:ietf:params:xml:ns:common-policy"><rule id="f3g44r1"><conditions>{conditions}
                       </conditions><actions/><transformations/></rule><rule id="f3g44r2"/></ruleset>"#
                ),
            );
        }
    }
}

#[test]
fn presence_rules_of_rfc_5025() {
    let text = r#"<?xml version="1.0" encoding="UTF-8"?>
<cr:ruleset xmlns="urn:ietf:params:xml:ns:pres-rules" xmlns:pr="urn:ietf:params:xml:ns:pres-rules"
 xmlns:cr="urn:ietf:params:xml:ns:common-policy">
 <cr:rule id="a">
  <cr:conditions><cr:identity><cr:one id="sip:user@example.com"/></cr:identity></cr:conditions>
  <cr:actions><pr:sub-handling>allow</pr:sub-handling></cr:actions>
  <cr:transformations>
   <pr:provide-services>
    <pr:service-uri-scheme>sip</pr:service-uri-scheme><pr:service-uri-scheme>mailto</pr:service-uri-scheme>
   </pr:provide-services>
   <pr:provide-persons><pr:all-persons/></pr:provide-persons>
   <pr:provide-activities>true</pr:provide-activities>
   <pr:provide-user-input>bare</pr:provide-user-input>
   <pr:provide-unknown-attribute ns="urn:vendor-specific:foo-namespace" name="foo">true</pr:provide-unknown-attribute>
  </cr:transformations>
 </cr:rule>
</cr:ruleset>"#;
    good("pres-rules", text);
    good("org.openmobilealliance.pres-rules", text);
}

/// The rules that RCS clients put: own, unlisted, granted contacts; and OMA's transformations.
#[test]
fn presence_rules_of_oma() {
    good(
        "org.openmobilealliance.pres-rules",
        r#"<cr:ruleset xmlns:ocp="urn:oma:xml:xdm:common-policy" xmlns:op="urn:oma:xml:prs:pres-rules"
 xmlns:pr="urn:ietf:params:xml:ns:pres-rules" xmlns:cr="urn:ietf:params:xml:ns:common-policy">
 <cr:rule id="wp_prs_unlisted"><cr:conditions><ocp:other-identity/></cr:conditions>
  <cr:actions><pr:sub-handling>confirm</pr:sub-handling></cr:actions></cr:rule>
 <cr:rule id="wp_prs_block_anonymous"><cr:conditions><ocp:anonymous-request/></cr:conditions>
  <cr:actions><pr:sub-handling>block</pr:sub-handling></cr:actions></cr:rule>
 <cr:rule id="wp_prs_grantedcontacts">
  <cr:conditions><ocp:external-list><ocp:entry anc="http://xcap.example.com/resource-lists/users/sip:joe@example.com/index/~~/resource-lists/list%5B@name=%22oma_grantedcontacts%22%5D"/></ocp:external-list></cr:conditions>
  <cr:actions><pr:sub-handling>allow</pr:sub-handling></cr:actions>
  <cr:transformations>
   <pr:provide-services><pr:all-services/></pr:provide-services>
   <pr:provide-persons><pr:all-persons/></pr:provide-persons>
   <pr:provide-devices><pr:all-devices/></pr:provide-devices>
   <pr:provide-all-attributes/>
   <op:provide-willingness>true</op:provide-willingness>
   <op:provide-geopriv>full</op:provide-geopriv>
   <op:something-newer>1</op:something-newer>
  </cr:transformations></cr:rule>
</cr:ruleset>"#,
    );
}

#[test]
fn presence_of_rfc_4827() {
    good(
        "pidf-manipulation",
        r#"<?xml version="1.0" encoding="UTF-8"?>
<presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:rp="urn:ietf:params:xml:ns:pidf:rpid"
  xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model" xmlns:ci="urn:ietf:params:xml:ns:pidf:cipid"
  entity="sip:someone@example.com">
 <tuple id="x8eg92m">
  <status><basic>closed</basic></status>
  <rp:user-input>idle</rp:user-input>
  <rp:class>auth-1</rp:class>
  <contact priority="0.5">sip:user@example.com</contact>
  <note>I'm available only by e-mail.</note>
  <timestamp>2004-02-06T16:49:29Z</timestamp>
 </tuple>
 <tuple id="x8eg92n">
  <status><basic>open</basic></status>
  <rp:class>auth-1</rp:class>
  <contact priority="1.0">mailto:someone@example.com</contact>
  <note xml:lang="en">I'm reading mail a couple of times a week</note>
 </tuple>
 <dm:person id="p1">
  <rp:class>auth-A</rp:class>
  <ci:homepage>http://www.example.com/~someone</ci:homepage>
  <rp:activities><rp:vacation/></rp:activities>
 </dm:person>
 <dm:device id="d1"><rp:class>x</rp:class><dm:deviceID>urn:x-mac:0003ba4811e3</dm:deviceID><dm:note>PC</dm:note></dm:device>
</presence>"#,
    );
    good(
        "pidf-manipulation",
        "<presence xmlns='urn:ietf:params:xml:ns:pidf' entity='pres:a@example.com'/>",
    );
}

#[test]
fn documents_of_oma_usages() {
    good(
        "org.openmobilealliance.user-profile",
        r#"<user-profiles xmlns="urn:oma:xml:xdm:user-profile"><user-profile uri="sip:joe@example.com">
           <display-name xml:lang="en">Joe</display-name><gender>male</gender><x xmlns="urn:x"/></user-profile></user-profiles>"#,
    );
    good(
        "org.openmobilealliance.pres-content",
        r#"<content xmlns="urn:oma:xml:prs:pres-content"><mime-type>image/png</mime-type><encoding>base64</encoding>
           <description xml:lang="en">Me</description><data>iVBO
           Rw==</data></content>"#,
    );
    good(
        "org.openmobilealliance.group-usage-list",
        r#"<resource-lists xmlns="urn:ietf:params:xml:ns:resource-lists" xmlns:oru="urn:oma:xml:xdm:resource-list:oma-uriusage">
           <list name="oma_poclist"><entry uri="sip:team@example.com"><display-name>Team</display-name>
           <oru:uriusages><oru:uriusage/></oru:uriusages></entry></list></resource-lists>"#,
    );
    good(
        "org.openmobilealliance.groups",
        r#"<group xmlns="urn:oma:xml:poc:list-service" xmlns:rl="urn:ietf:params:xml:ns:resource-lists"
            xmlns:cp="urn:ietf:params:xml:ns:common-policy" xmlns:oxe="urn:oma:xml:xdm:extensions">
 <list-service uri="sip:team@example.com">
  <display-name xml:lang="en-us">Team</display-name>
  <list><entry uri="tel:+43012345678"><rl:display-name>Ann</rl:display-name><x xmlns="urn:x"/></entry></list>
  <oxe:supported-services><oxe:service enabler="urn:x"/></oxe:supported-services>
  <max-participant-count>10</max-participant-count>
  <cp:ruleset><cp:rule id="a7c"><cp:conditions><is-list-member/></cp:conditions>
   <cp:actions><join-handling>true</join-handling><allow-conference-state>false</allow-conference-state></cp:actions></cp:rule></cp:ruleset>
  <invite-members>true</invite-members>
 </list-service></group>"#,
    );
    let sample = include_str!("../../../docs/schema/samples/valid-all-kinds-and-extensions.xml");
    good("org.openmobilealliance.conv-history", sample);
    let sample = include_str!("../../../docs/schema/samples/valid-pager-to-group.xml");
    good("org.openmobilealliance.conv-history", sample);
}
