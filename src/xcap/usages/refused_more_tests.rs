//! Documents that are wrong, of the usages for policy, presence, groups, profiles and histories.

use super::refused_tests::{CONSTRAINT, LISTS, SCHEMA, UNIQUE, refused};

const RULES: &str = "<c:ruleset xmlns:c='urn:ietf:params:xml:ns:common-policy' xmlns='urn:ietf:params:xml:ns:pres-rules' \
    xmlns:o='urn:oma:xml:xdm:common-policy' xmlns:p='urn:oma:xml:prs:pres-rules'>{}</c:ruleset>";

#[test]
fn wrong_rule_sets() {
    let conditions = |c: &str| format!("<c:rule id='a'><c:conditions>{c}</c:conditions></c:rule>");
    let validity = |c: &str| conditions(&format!("<c:validity>{c}</c:validity>"));
    for auid in [
        "pres-rules",
        "org.openmobilealliance.pres-rules",
        "org.openmobilealliance.access-rules",
    ] {
        refused(
            auid,
            RULES,
            &[
                ("<c:rule/>", SCHEMA, "<rule> needs the attribute \"id\""),
                (
                    "<c:rule id='1'/>",
                    SCHEMA,
                    "the attribute \"id\" of <rule> is \"1\"; expected a name",
                ),
                (
                    "<c:rule id='a'/><c:rule id='a'/>",
                    UNIQUE,
                    "the id \"a\" of <rule>",
                ),
                (
                    "<c:rule id='a'><c:actions/><c:conditions/></c:rule>",
                    SCHEMA,
                    "<conditions> is not allowed here",
                ),
                (
                    &conditions("<c:identity/>"),
                    SCHEMA,
                    "<identity> is incomplete; expected <one>, <many>, an element of another namespace",
                ),
                (
                    &conditions("<c:identity><c:one/></c:identity>"),
                    SCHEMA,
                    "<one> needs the attribute \"id\"",
                ),
                (
                    &conditions("<c:sphere>work</c:sphere>"),
                    SCHEMA,
                    "<sphere> needs the attribute \"value\"",
                ),
                (
                    &conditions("<c:sphere value='a'>work</c:sphere>"),
                    SCHEMA,
                    "the text \"work\" is not allowed in <sphere>",
                ),
                (
                    &validity("<c:from>2003-12-24T17:00:00Z</c:from>"),
                    SCHEMA,
                    "<validity> is incomplete; expected <until>",
                ),
                (
                    &validity("<c:from>now</c:from><c:until/>"),
                    SCHEMA,
                    "<from> is \"now\"; expected a time",
                ),
                (
                    &conditions("<o:other-identity><x/></o:other-identity>"),
                    SCHEMA,
                    "is not allowed here in <other-identity>; expected nothing more",
                ),
            ],
        );
    }
}

#[test]
fn wrong_presence_rules() {
    let actions = |a: &str| format!("<c:rule id='a'><c:actions>{a}</c:actions></c:rule>");
    let cases = [
        (
            actions("<sub-handling>perhaps</sub-handling>"),
            "<sub-handling> is \"perhaps\"; expected one of \"block\", \"confirm\", \"polite-block\", \"allow\"",
        ),
        (
            actions("<sub-handeling>allow</sub-handeling>"),
            "<sub-handeling> of namespace \"urn:ietf:params:xml:ns:pres-rules\" is not defined, or not here",
        ),
        (
            actions("<provide-note>yes</provide-note>"),
            "expected \"true\" or \"false\"",
        ),
        (
            actions("<provide-services><all-services/><class>a</class></provide-services>"),
            "<class> is not allowed here in <provide-services>; expected nothing more",
        ),
        (
            actions("<provide-persons><deviceID>a</deviceID></provide-persons>"),
            "<deviceID> is not allowed here in <provide-persons>; expected <all-persons>",
        ),
        (
            actions("<provide-user-input>all</provide-user-input>"),
            "\"bare\", \"thresholds\", \"full\"",
        ),
        (
            actions("<provide-unknown-attribute name='a'>true</provide-unknown-attribute>"),
            "needs the attribute \"ns\"",
        ),
    ];
    for (content, words) in &cases {
        refused("pres-rules", RULES, &[(content, SCHEMA, words)]);
        refused(
            "org.openmobilealliance.pres-rules",
            RULES,
            &[(content, SCHEMA, words)],
        );
    }
    let willing = actions("<p:provide-willingness>perhaps</p:provide-willingness>");
    refused(
        "org.openmobilealliance.pres-rules",
        RULES,
        &[(&willing, SCHEMA, "<provide-willingness> is \"perhaps\"")],
    );
}

#[test]
fn wrong_presence() {
    let tuple = |t: &str| format!("<tuple id='a'>{t}</tuple>");
    refused(
        "pidf-manipulation",
        "<presence xmlns='urn:ietf:params:xml:ns:pidf' xmlns:d='urn:ietf:params:xml:ns:pidf:data-model' entity='sip:a@b'>{}</presence>",
        &[
            (
                &tuple(""),
                SCHEMA,
                "<tuple> is incomplete; expected <status>",
            ),
            (
                &tuple("<status><basic>OPEN</basic></status>"),
                SCHEMA,
                "<basic> is \"OPEN\"; expected one of \"open\", \"closed\"",
            ),
            (
                &tuple("<status/><note/><contact>sip:a@b</contact>"),
                SCHEMA,
                "<contact> is not allowed here in <tuple>; expected <note>, <timestamp>",
            ),
            (
                &tuple("<status/><contact priority='2'>sip:a@b</contact>"),
                SCHEMA,
                "expected a number from 0 to 1",
            ),
            (
                &tuple("<status/><timestamp>today</timestamp>"),
                SCHEMA,
                "<timestamp> is \"today\"; expected a time",
            ),
            (
                "<tuple><status/></tuple>",
                SCHEMA,
                "<tuple> needs the attribute \"id\"",
            ),
            (
                "<note/><tuple id='a'><status/></tuple>",
                SCHEMA,
                "<tuple> is not allowed here in <presence>; expected <note>",
            ),
            (
                "<d:device id='a'/>",
                SCHEMA,
                "<device> is incomplete; expected an element of another namespace, <deviceID>",
            ),
            (
                "<d:persons/>",
                SCHEMA,
                "<persons> of namespace \"urn:ietf:params:xml:ns:pidf:data-model\" is not defined",
            ),
            (
                "<tuple id='a'><status/></tuple><d:person id='a'/>",
                UNIQUE,
                "the id \"a\" of <person>",
            ),
        ],
    );
    let without = "<presence xmlns='urn:ietf:params:xml:ns:pidf'/>";
    refused(
        "pidf-manipulation",
        without,
        &[("", SCHEMA, "<presence> needs the attribute \"entity\"")],
    );
}

#[test]
fn wrong_groups() {
    let service = |s: &str| format!("<list-service uri='sip:a@b'>{s}</list-service>");
    refused(
        "org.openmobilealliance.groups",
        "<group xmlns='urn:oma:xml:poc:list-service' xmlns:c='urn:ietf:params:xml:ns:common-policy'>{}</group>",
        &[
            (
                "<list-service/>",
                SCHEMA,
                "<list-service> needs the attribute \"uri\"",
            ),
            (
                &service("<list/><list/>"),
                SCHEMA,
                "<list> is not allowed here in <list-service>",
            ),
            (
                &service("<invite-members>2</invite-members>"),
                SCHEMA,
                "<invite-members> is \"2\"; expected \"true\" or \"false\"",
            ),
            (
                &service("<max-participant-count>-1</max-participant-count>"),
                SCHEMA,
                "expected a whole number",
            ),
            (
                &service("<members/>"),
                SCHEMA,
                "<members> is not allowed here in <list-service>; expected <display-name>, <list>",
            ),
            (
                &service(
                    "<c:ruleset><c:rule id='a'><c:actions><join-handling>no</join-handling></c:actions></c:rule></c:ruleset>",
                ),
                SCHEMA,
                "<join-handling> is \"no\"",
            ),
            (
                &format!("{0}{0}", service("")),
                UNIQUE,
                "the uri \"sip:a@b\" of <list-service>",
            ),
            (
                &service("<list><entry uri='a'/><entry uri='a'/></list>"),
                UNIQUE,
                "the uri \"a\" of <entry>",
            ),
        ],
    );
}

#[test]
fn wrong_documents_of_other_oma_usages() {
    refused(
        "org.openmobilealliance.user-profile",
        "<user-profiles xmlns='urn:oma:xml:xdm:user-profile'>{}</user-profiles>",
        &[
            (
                "<user-profile/>",
                SCHEMA,
                "<user-profile> needs the attribute \"uri\"",
            ),
            (
                "<profile uri='sip:joe@example.com'/>",
                SCHEMA,
                "<profile> is not allowed here in <user-profiles>; expected <user-profile>",
            ),
            (
                "<user-profile uri='sip:ann@example.com'/>",
                CONSTRAINT,
                "Wrong User Profile URI",
            ),
            (
                &"<user-profile uri='sip:joe@example.com'/>".repeat(2),
                UNIQUE,
                "the uri",
            ),
        ],
    );
    refused(
        "org.openmobilealliance.pres-content",
        "<content xmlns='urn:oma:xml:prs:pres-content'>{}</content>",
        &[
            (
                "<mime-type>image/png</mime-type>",
                SCHEMA,
                "<content> is incomplete; expected <encoding>, <description>, <data>",
            ),
            (
                "<data/><data/>",
                SCHEMA,
                "<data> is not allowed here in <content>",
            ),
            (
                "<mime-type/><data/>",
                SCHEMA,
                "<mime-type> is \"\"; expected a text that is not empty",
            ),
            (
                "<mime-type>png</mime-type><data/>",
                CONSTRAINT,
                "\"png\" is no MIME type",
            ),
            (
                "<encoding>base64</encoding><data>???</data>",
                CONSTRAINT,
                "the data is not base 64",
            ),
        ],
    );
    refused(
        "org.openmobilealliance.group-usage-list",
        LISTS,
        &[
            ("<list/>", CONSTRAINT, "Name attribute is required."),
            (
                "<list name='a'><entry-ref ref='b'/></list>",
                CONSTRAINT,
                "Not allowed",
            ),
            (
                "<list name='a'><external anchor='http://h/b'/></list>",
                CONSTRAINT,
                "Not allowed",
            ),
            (
                "<list name='a'/><list name='a'/>",
                UNIQUE,
                "the name \"a\" of <list>",
            ),
            ("<group/>", SCHEMA, "expected <list>"),
        ],
    );
}

/// What the schema of the metadata document refuses is refused here too.
#[test]
fn wrong_histories() {
    macro_rules! sample {
        ($name:literal) => {
            include_str!(concat!(
                "../../../docs/schema/samples/invalid-",
                $name,
                ".xml"
            ))
        };
    }
    for (text, condition, words) in [
        (sample!("duplicate-reference"), UNIQUE, "history-reference"),
        (
            sample!("entry-without-uri"),
            SCHEMA,
            "<entry> needs the attribute \"uri\"",
        ),
        (sample!("namespace"), SCHEMA, "expected <history-list>"),
        (
            sample!("reference-missing"),
            SCHEMA,
            "<history> needs the attribute \"history-reference\"",
        ),
        (sample!("size-negative"), SCHEMA, "expected a whole number"),
        (
            sample!("status-element"),
            SCHEMA,
            "<status> is not allowed here",
        ),
        (sample!("time-not-a-date-time"), SCHEMA, "expected a time"),
        (
            sample!("two-kinds"),
            SCHEMA,
            "is not allowed here in <history>",
        ),
    ] {
        refused(
            "org.openmobilealliance.conv-history",
            text,
            &[("", condition, words)],
        );
    }
}
