// SPDX-License-Identifier: MPL-2.0

package httpapi

import (
	"net/http"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/trace"
)

const openAPIIntroduction = `The API of a Pouncet server: three verbs, which take lists.

A request is a POST with a JSON body, so that no URL holds the name of a secret. It is refused if it has an unknown
field. An answer can get more fields in later releases: a client must ignore those that it does not know.

An error is the object ` + "`error`" + `, whose ` + "`code`" + ` says what went wrong. A path that does not exist has
the status 404, and another method than the documented one the status 405; both with an error. Repeat a request after
429 and 503; after 429, wait for as long as Retry-After says. An apply is repeated safely with its ` +
	"`idempotency_key`" + `.

Fields with ` + "`x-sensitive`" + ` hold secret values, or let their reader guess one. Do not log them.`

// operation is what TestOpenAPI cannot know about a route.
type operation struct {
	id, summary, text, result string
	access                    access
	deprecated                bool
}

// access says whether a route takes a token.
type access int

const (
	withToken access = iota
	withOptionalToken
	withoutToken
)

func (o operation) security() []object {
	token, nobody := object{"token": []string{}}, object{}
	switch o.access {
	case withOptionalToken:
		return []object{nobody, token}
	case withoutToken:
		return []object{}
	}
	return []object{token}
}

var openAPIOperations = map[string]operation{
	"POST /v1/query": {id: "query", summary: "List objects of one kind",
		text: "Returns metadata, page by page, sorted by name and id. A secret value is never in the answer. A selector " +
			"that matches nothing gives an empty page; a project or environment that does not exist gives `not_found`.",
		result: "One page."},
	"POST /v1/resolve": {id: "resolve", summary: "Get values",
		text: "Returns a resolution for each reference, in their order. A reference that cannot be resolved has an error " +
			"of its own, and the status is still 200. Send the header Pouncet-Reveal if values are shown to a person.",
		result: "The resolutions."},
	"POST /v1/resolve-one": {id: "resolveOne", summary: "Get one value",
		text: "Returns the value of one reference, for clients that can only check a status and read a field of JSON. If " +
			"the entry does not exist, the status is 404. If the project or the environment does not exist, it is 400.",
		result: "The value."},
	"POST /v1/value": {id: "value", summary: "Get one value", deprecated: true,
		text: "The path of /v1/resolve-one in earlier releases.", result: "The value."},
	"POST /v1/apply": {id: "apply", summary: "Make changes, or try them",
		text: "Makes all changes in one transaction, or none of them. With `dry_run` it changes nothing, and says what the " +
			"changes would do. If a change breaks a rule, the answer has the status of its error; it has the outcomes if the " +
			"error is about single changes, and otherwise the error alone.",
		result: "The outcomes, one for each change."},
	"POST /v1/login": {id: "login", summary: "Log in with an identity token",
		text: "Exchanges an identity token of an OpenID Connect issuer for the token of a session, if a trust accepts it. " +
			"The answer to every token that is not accepted is the same. An identity token is accepted once, unless the trust " +
			"says otherwise.",
		result: "The session.", access: withoutToken},
	"GET /healthz": {id: "healthz", summary: "Ask whether the process runs",
		text: "For probes that restart the server.", result: "The process runs.", access: withoutToken},
	"GET /readyz": {id: "readyz", summary: "Ask whether the server can be used",
		text:   "For load balancers. With a token, the answer has the problems of the server, which may name files.",
		result: "The database and the KMS can be used.", access: withOptionalToken},
	"GET /v1/openapi.json": {id: "openapi", summary: "Get this document",
		text: "The document is the same for every server of a release.", result: "The document.", access: withoutToken},
}

// requestHeader is a header that a route reads.
type requestHeader struct {
	name, text string
	schema     object
	on         func(endpoint) bool
}

func isVerb(e endpoint) bool { return e.body != nil }

var openAPIRequestHeaders = []requestHeader{
	{versionHeader, "The version of the wire format that the client speaks; 1 if it is absent.",
		object{"type": "integer", "minimum": 1, "maximum": WireVersion}, isVerb},
	{revisionHeader, "The revision tokens of earlier answers, separated by commas: the call sees the changes that they " +
		"saw. `latest` asks for all changes.", object{"type": "string"}, isVerb},
	{revealHeader, "1 if a reference has `reveal`. It only chooses the error of a refusal.",
		object{"type": "string"}, func(e endpoint) bool {
			return e.body != nil && e.path != "/v1/query" &&
				e.path != "/v1/apply"
		}},
	{trace.Header, "The span of the caller, as W3C Trace Context defines it.", object{"type": "string"},
		func(endpoint) bool { return true }},
}

// responseHeader is a header of some answers.
type responseHeader struct {
	name, text string
	required   bool
	on         func(e endpoint, status int) bool
}

func always(endpoint, int) bool { return true }

var openAPIHeaders = []responseHeader{
	{"X-Request-Id", "The id of the request, which the logs of the server have.", true, always},
	{trace.Header, "The span of the request, as W3C Trace Context defines it.", true, always},
	{"Cache-Control", "Always no-store.", true, always},
	{"X-Content-Type-Options", "Always nosniff.", true, always},
	{versionHeader, "The version of the wire format that the server speaks.", true,
		func(e endpoint, _ int) bool { return isVerb(e) }},
	{revisionHeader, "The revision token of the answer, if a call was made: up to which change it has seen.", false,
		func(e endpoint, _ int) bool { return isVerb(e) }},
	{"WWW-Authenticate", "The scheme of the token.", true, func(_ endpoint, status int) bool {
		return status == http.StatusUnauthorized
	}},
	{"Retry-After", "Seconds to wait before the request is sent again.", true, func(_ endpoint, status int) bool {
		return status == http.StatusTooManyRequests
	}},
}

// openAPINames are the names of types that have another one in the document.
var openAPINames = map[string]string{"Envelope": "ErrorResponse", "Page": "QueryResponse", "Ref": "Reference"}

// openAPILimits are the largest numbers of items.
var openAPILimits = map[string]int{
	"ResolveRequest.refs": backend.MaxRefs, "ApplyRequest.changes": backend.MaxChanges,
}

// openAPIValues are the values of a field whose type has no constants.
var openAPIValues = map[string][]string{
	"Object.held":       {backend.HeldDisplaced, backend.HeldReplaced, backend.HeldInUse},
	"Readiness.status":  {statusReady, statusNotReady},
	"Liveness.status":   {"ok"},
	"QueryRequest.sort": backend.EntrySorts,
}

// openAPISensitive are the fields with a secret value, and those by which it can be guessed.
var openAPISensitive = []string{
	"Change.value", "Resolution.value", "ResolveOneResponse.value", "ResolveOneResponse.value_base64",
	"ApplyRequest.fingerprint_key", "Outcome.fingerprint", "LoginRequest.token", "LoginSession.token",
}

// openAPITexts describe the types, and the fields that backend.AttributeTable does not describe.
var openAPITexts = map[string]string{
	"Kind":          "A kind of object.",
	"Code":          "What went wrong. `unavailable` says that the same request may succeed later.",
	"Op":            "What a change does: `set` creates an object or updates the existing one.",
	"Action":        "What a change did or, in a dry run, would do.",
	"Role":          "What the bearer of a token may do.",
	"Duplicates":    "`allow`: nothing. `note`: the outcome names the other secrets. `refuse`: the write is refused.",
	"Visibility":    "`masked`: can be shown to a person who may see it. `restricted`: for workloads only.",
	"PrincipalKind": "Who acts.",

	"ErrorResponse":       "The answer to a request that was refused.",
	"ErrorResponse.error": "Why.",
	"Error":               "What went wrong. It never holds a secret value.",
	"Error.code":          "The class of the error.",
	"Error.message":       "One sentence that names the object, and the rule or limit.",
	"Error.hint":          "The next step, in one sentence.",
	"Error.attribute":     "The attribute at fault.",
	"Error.environments":  "Of a missing entry: the environments that have the name.",
	"Error.near":          "Of a missing entry: a similar name that exists.",
	"Error.users":         "What uses the object that cannot be deleted.",
	"Object.record": "The record of the audit log. The name of the object is its verb, `created_at` its time, and " +
		"`created_by` the name of its principal.",
	"Record":               "A record of the audit log. It holds no values.",
	"Record.line":          "The record as one line of JSON, byte for byte as its hash covers it.",
	"Record.hash":          "The SHA-256 of a zero byte and the line; absent for a record that is older than hashes.",
	"Dependent":            "What uses an object: another object, or a position in a file.",
	"Dependent.label":      "Its kind and name, or the position.",
	"Dependent.id":         "The id of the object.",
	"Dependent.managed_by": "The tool that owns the object.",

	"Liveness":           "Whether the process runs.",
	"Liveness.status":    "Always `ok`.",
	"Readiness":          "Whether the server can be used.",
	"Readiness.status":   "Whether the database and the KMS can be used.",
	"Readiness.problems": "What is wrong, if the request has a valid token.",

	"QueryRequest":               "Selects objects of one kind. A selector that is absent selects everything.",
	"QueryRequest.kind":          "The kind of the objects.",
	"QueryRequest.project":       "The name or id of a project; required for every kind but project and token.",
	"QueryRequest.id":            "The id of the object.",
	"QueryRequest.name":          "The exact name.",
	"QueryRequest.name_prefix":   "What the name begins with. For lists of existing objects that are sorted by name.",
	"QueryRequest.environment":   "The name or id of an environment, or * for the entries that all of them share.",
	"QueryRequest.scope":         "The exact scope.",
	"QueryRequest.type":          "The key of a type, for secrets; a source, for usages.",
	"QueryRequest.draft":         "The name or id of a draft, for draft changes.",
	"QueryRequest.deleted":       "Select the objects that can be restored, instead of the existing ones.",
	"QueryRequest.held":          "Select the objects that are held, instead of those that have their name.",
	"QueryRequest.self":          "Select the token of the caller: with kind token, and nothing else. Every role may.",
	"QueryRequest.last_resolved": "Add to each secret when it was last resolved. Secrets only.",
	"QueryRequest.unused_since": "Select the secrets that exist since before this time, and that nobody has resolved " +
		"since then. A page may have fewer objects than `limit`, although others follow. Secrets only.",
	"QueryRequest.search": "Select the entries whose name or description contains this text. For kind entry only, as " +
		"are `sort`, `descending` and `offset`.",
	"QueryRequest.sort":       "What the entries are sorted by; `name` if it is absent.",
	"QueryRequest.descending": "Sort in the opposite order.",
	"QueryRequest.offset":     "How many entries to skip.",
	"QueryRequest.by":         "The name or id of a principal. For records of the audit log only, as are the next six.",
	"QueryRequest.verb":       "The verb of the record, such as `reveal`.",
	"QueryRequest.code": "The outcome: `ok` if the call and all of its items succeeded, or the code of an error, of the " +
		"call or of an item.",
	"QueryRequest.since":        "Select the records from this time on.",
	"QueryRequest.until":        "Select the records before this time.",
	"QueryRequest.oldest_first": "List the oldest records first, instead of the newest.",
	"QueryRequest.follow": "List the oldest records first, and give the last page a `next` too, which continues with " +
		"the records that are added later.",
	"QueryRequest.cursor":      "The `next` of the previous page.",
	"QueryRequest.limit":       "The most objects of a page, at most 1,000; 0 means 1,000.",
	"QueryResponse":            "One page of a listing.",
	"QueryResponse.objects":    "The objects.",
	"QueryResponse.total":      "The number of all entries that are selected, for kind entry only.",
	"QueryResponse.next":       "The `cursor` of the next page; absent on the last one.",
	"QueryResponse.deployment": "The id of the deployment that answered.",
	"QueryResponse.resolved_since": "Since when the backend notes which secrets are resolved, in answers to queries " +
		"with `last_resolved` or `unused_since`.",

	"ResolveRequest":        "References. A field that is absent in a reference is that of `common`.",
	"ResolveRequest.common": "The kind, project, environment and scope that references have in common.",
	"ResolveRequest.refs":   "The references.",
	"CommonRef":             "What references have in common. Another field of a reference is refused here.",
	"CommonRef.kind":        "`secret` or `scoped_value`.",
	"CommonRef.project":     "The name or id of the project.",
	"Reference":             "A reference to a secret or scoped value.",
	"Reference.kind":        "`secret` or `scoped_value`.",
	"Reference.project":     "The name or id of the project.",
	"Reference.environment": "The name or id of the environment.",
	"Reference.scope":       "The scope from which the entry is looked up.",
	"Reference.name":        "The name of the entry.",
	"Reference.field":       "A path into a JSON value; the whole value if it is absent.",
	"Reference.version":     "The number of a version of a secret, a tag, or `previous`; by default the current one.",
	"Reference.reveal":      "The value is shown to a person. The audit log records this.",
	"Reference.probe": "Only say whether the reference can be resolved: the resolution has no value. " +
		"The audit log records this as `probe`. `/v1/resolve-one` refuses it.",
	"ResolveResponse":                 "The values. A field that is absent in a resolution is that of `common`.",
	"ResolveResponse.common":          "The environment and scope that resolutions have in common.",
	"ResolveResponse.resolutions":     "One for each reference, in their order.",
	"Resolution":                      "The value of a reference, or its error.",
	"Resolution.value":                "The value, in base64; absent with an error.",
	"Resolution.json":                 "Whether the value is JSON text.",
	"Resolution.id":                   "The id of the entry.",
	"Resolution.environment":          "The environment of the entry, or * if all of them share it.",
	"Resolution.scope":                "The scope of the entry.",
	"Resolution.version":              "The version of a secret; the revision of a scoped value.",
	"Resolution.secret":               "Whether the value is that of a secret.",
	"Resolution.error":                "Why the reference cannot be resolved.",
	"ResolveOneResponse":              "The value of a reference.",
	"ResolveOneResponse.value":        "The value, if it is text in UTF-8.",
	"ResolveOneResponse.value_base64": "The value.",
	"ResolveOneResponse.is_json":      "Whether the value is JSON text.",
	"ResolveOneResponse.id":           "The id of the entry.",
	"ResolveOneResponse.environment":  "The environment of the entry, or * if all of them share it.",
	"ResolveOneResponse.scope":        "The scope of the entry.",
	"ResolveOneResponse.version":      "The version of a secret; the revision of a scoped value.",

	"ApplyRequest":                 "Changes that are made together or not at all.",
	"ApplyRequest.changes":         "The changes, in the order in which they take effect.",
	"ApplyRequest.dry_run":         "Change nothing, and say what the changes would do.",
	"ApplyRequest.draft":           "The name of a draft: the changes are added to it, instead of being made.",
	"ApplyRequest.idempotency_key": "A repetition with the same key within a day gets the first outcomes.",
	"ApplyRequest.fingerprint_key": "32 random bytes: a dry run returns fingerprints of values under this key.",
	"ApplyResponse":                "What the changes did.",
	"ApplyResponse.outcomes":       "One for each change.",
	"ApplyResponse.error":          "Why nothing was changed.",

	"Change": "A change of one object, which `id` names or its place: project, environment, scope and name. An " +
		"attribute that is absent stays as it is.",
	"Change.op":      "What to do.",
	"Change.kind":    "The kind of the object.",
	"Change.id":      "The id of the object.",
	"Change.project": "The name or id of the project.",
	"Change.name":    "The name of the object; of a secret type, its key.",
	"Change.expect":  "The version of a secret, or the revision of another object; 0 for none.",
	"Change.force":   "Delete the object although others use it.",
	"Change.staged_change": "In a set with a draft: the id of the last change of the same object that the draft has, as " +
		"the caller has seen it; an empty text for none. If somebody else has staged another one last, the change is " +
		"refused with the code conflict. Changes that the caller may not see do not count.",
	"Change.edition":          "The edition that the object must have.",
	"Change.incarnation":      "The incarnation in which the caller knows the object.",
	"Change.same_owner":       "Objects of one owner do not block each other; see `managed_by`.",
	"Change.creation_follows": "Of a deletion: an object of the same name will be created.",
	"Change.value_follows":    "Of a dry run: the change will have a value, which is not known yet.",
	"Change.with":             "Of a comparison: the version that is compared with `from_version`.",
	"Change.rename":           "The new name. The id stays.",

	"NoObject":            "The object of an outcome with an error.",
	"Outcome":             "The result of one change.",
	"Outcome.action":      "What was done.",
	"Outcome.changed":     "The attributes that differ.",
	"Outcome.object":      "The object after the change, or before its deletion; empty with an error.",
	"Outcome.error":       "The rule that the change breaks.",
	"Outcome.displaced":   "The object that the change displaced or took over, as it was before.",
	"Outcome.dependents":  "What still uses an object that a deletion set aside, or the tokens that a deleted token made.",
	"Outcome.unchecked":   "The attribute with a rule that the dry run did not check.",
	"Outcome.same_value":  "Other secrets of the project with the same value, if the policy notes them.",
	"Outcome.parts":       "Of the deployment of a draft: what its changes did, in their order.",
	"Outcome.fields":      "The field paths in which two JSON objects differ, of a comparison.",
	"Outcome.fingerprint": "The fingerprint of the current value, before the change.",

	"Object":                  "The metadata of an object. Which fields it has depends on its kind.",
	"Object.kind":             "Its kind.",
	"Object.id":               "Its id, which a rename keeps. It is empty if a dry run would create the object.",
	"Object.name":             "Its name; of a secret type, its key; of a usage, the name of the entry.",
	"Object.project":          "The name of its project.",
	"Object.environment":      "The name of its environment, or *.",
	"Object.environment_id":   "The id of its environment.",
	"Object.scope":            "Its scope: `project`, `app/NAME` or `pipeline/NAME`.",
	"Object.value_at":         "When the current value was written.",
	"Object.deleted_at":       "When the object was deleted.",
	"Object.restorable_until": "Until when the deleted object can be restored.",
	"Object.revision":         "Counts every change of the object.",
	"Object.edition":          "Counts the changes of what the owner of the object decides.",
	"Object.incarnation":      "Counts how often a creation took over the object.",
	"Object.created_at":       "When the object was created.",
	"Object.updated_at":       "When the object was changed last.",
	"Object.held":             "Why the object does not have its name.",
	"Object.was":              "Of a held object: its former name.",
	"Object.secrets":          "The number of secrets in a project, or in a deleted environment.",
	"Object.built_in":         "The secret type belongs to Pouncet and cannot be changed.",
	"Object.type":             "The key of the secret type.",
	"Object.version":          "Counts the values of a secret.",
	"Object.rotation_due_at":  "When the value is due for rotation.",
	"Object.last_resolved_at": "When a value of the secret was last returned, to within two minutes, if the query asks.",
	"Object.last_resolved_by": "The name of the principal that got it.",
	"Object.last_used_at": "When a call with the token was last accepted, to within two minutes. It is missing if the " +
		"token was not used since this is noted.",
	"Object.last_used_from": "The IP address of the caller. It is missing for a call through a Unix socket.",
	"Object.link":           "The secret that the scoped value stands for.",
	"Object.usage":          "The position of a usage.",
	"Object.source":         "What registered a usage.",
	"Object.environments":   "Of an entry in a list of kind entry: where its name and scope are set.",
	"Object.used_by": "Of an entry in a list of kind entry: how many scoped values and positions in files can " +
		"mean it, at most 100.",
	"Object.usages":    "The number of registered usages.",
	"Object.role":      "The role of a token.",
	"Object.principal": "Who has a token.",
	"Object.created_by": "Of a version: the principal that wrote it; of a draft: that staged its first change; " +
		"of an entry in a list of kind entry: that wrote its value.",
	"Object.changes":  "The number of changes of a draft.",
	"Object.draft":    "Of a draft change: the name of its draft.",
	"Object.staged":   "What a draft change will do.",
	"Object.client":   "Of a version: the program that wrote it.",
	"Object.binary":   "Of a version: its value is not text (UTF-8).",
	"Object.migrated": "The token is from a database whose rows were not signed.",

	"Right":      "What a role allows at the places of a binding.",
	"Grant":      "The role that a binding gives, to whom, and where.",
	"Grant.role": "The name of a role.",
	"Grant.to": "`token:`, `group:` or `trust:`, and the name or id of a token, group or trust. For one subject " +
		"of a trust, add `/` and the subject.",
	"Grant.where": "Where it gives the role; absent for everywhere but protected environments.",
	"Trust": "Which identity tokens of an OpenID Connect issuer, or which client certificates, are accepted, " +
		"and as whom.",
	"Trust.certificate": "Accepts client certificates that an authority of --client-ca has signed, and no identity " +
		"tokens. The trust then has neither issuer nor audience, and its claims are `san_uri` and `san_dns`.",
	"Trust.issuer":   "The issuer, exactly as the claim `iss` has it.",
	"Trust.audience": "The only value of the claim `aud`.",
	"Trust.claims": "Conditions on claims: a text, or a pattern in which `*` stands for any characters. All must hold; " +
		"a list matches if one of its items does. The claim `email` counts only if `email_verified` is true.",
	"Trust.any_subject":     "Allows a trust without conditions.",
	"Trust.subject":         "The claim that names the caller; by default `sub`, or `san_uri` of a certificate.",
	"Trust.session_minutes": "How long a session is valid; 60 by default.",
	"Trust.reuse":           "Accepts an identity token several times until it expires.",
	"Trust.keys":            "A JSON Web Key Set. With it, the issuer is never asked for its keys.",

	"LoginRequest":       "An identity token, or none for a login with the client certificate of the connection.",
	"LoginRequest.trust": "The name or id of a trust. It is needed only if several accept the caller.",
	"LoginRequest.token": "The identity token: a JSON Web Token in its compact form. Without it, the client " +
		"certificate logs in.",
	"LoginSession":           "A session.",
	"LoginSession.token":     "The token of the session, for the other routes.",
	"LoginSession.kind":      "Who has logged in: a `person` or a `workload`.",
	"LoginSession.principal": "The name of the trust, with `/` and the subject.",

	"Where":         "Places. An absent field stands for all values, and leaves out protected environments.",
	"Where.project": "The name or id of a project.",
	"Where.names":   "A name, or a pattern in which `*` stands for any characters.",

	"Staged":          "What a change of a draft will do. It never has a value.",
	"Staged.kind":     "The kind of the object that it changes.",
	"Staged.op":       "The operation.",
	"Staged.object":   "The id of the object, even of one that the draft will create.",
	"Staged.action":   "`create`, `update` or `delete`.",
	"Staged.changed":  "The attributes that it sets; `value` for any new value, which is not compared.",
	"Staged.rename":   "The new name.",
	"Staged.force":    "It deletes the object although others use it.",
	"Staged.purge":    "It deletes the object permanently.",
	"Staged.by":       "Who staged it.",
	"Staged.stale":    "What has happened to the object since.",
	"Staged.files":    "The number of files that use the entry which it deletes.",
	"Part":            "One change of a draft that is deployed, with its outcome.",
	"Part.change":     "The change.",
	"Part.action":     "What was done.",
	"Part.changed":    "The attributes that differ.",
	"Part.object":     "The object after the change, or before its deletion; empty with an error.",
	"Part.error":      "The rule that the change breaks.",
	"Part.displaced":  "The object that the change displaced.",
	"Part.same_value": "Other secrets of the project with the same value, if the policy notes them.",
	"Part.unchecked":  "The attribute with a rule that the dry run did not check.",

	"VersionOf":         "Names a version of a secret.",
	"VersionOf.id":      "The id of the secret; by default, the secret of the change.",
	"VersionOf.version": "A number, `previous` or a tag; by default, the current version.",

	"Link":              "Makes a scoped value stand for a secret, or for a field of it.",
	"Link.secret":       "The name of the secret.",
	"Link.field":        "A path into the JSON value of the secret.",
	"Usage":             "A position in a file that refers to a secret or scoped value.",
	"Usage.kind":        "`secret` or `scoped_value`.",
	"Usage.name":        "The name of the entry.",
	"Usage.environment": "The name or id of the environment.",
	"Usage.scope":       "The scope of the reference.",
	"Usage.file":        "The file, within the source.",
	"Usage.line":        "The line, from 1.",
	"Usage.column":      "The column, from 1.",
	"Generate":          "Makes the backend draw a random value, which it does not return.",
	"Generate.length":   "The number of characters, 8 to 1,024; 32 if it is absent.",
	"Generate.alphabet": "The characters to draw from; letters and digits if it is absent.",

	"Policy":                     "The rules and limits of a project.",
	"Policy.max_secrets":         "The most secrets in all environments together.",
	"Policy.max_value_bytes":     "The most bytes of a value.",
	"Policy.max_name_length":     "The most characters of a name.",
	"Policy.name_pattern":        "A regular expression (RE2) that names match.",
	"Policy.immutable_names":     "Secrets and scoped values cannot be renamed.",
	"Policy.default_visibility":  "That of a secret which is created without one.",
	"Policy.max_versions":        "The versions of a secret that are kept; 0 for all.",
	"Policy.version_days":        "The days for which old versions are kept; 0 for ever.",
	"Policy.recovery_days":       "The days in which a deleted object can be restored; 0 for none.",
	"Policy.forbid_fingerprints": "Dry runs return no fingerprints.",
	"Policy.duplicates": "What a write does if another secret of the project has the same value; absent: it is " +
		"allowed.",
	"PolicyChange":                     "Changes the fields of a policy that are given.",
	"PolicyChange.max_secrets":         "The most secrets in all environments together.",
	"PolicyChange.max_value_bytes":     "The most bytes of a value.",
	"PolicyChange.max_name_length":     "The most characters of a name.",
	"PolicyChange.name_pattern":        "A regular expression (RE2) that names match.",
	"PolicyChange.immutable_names":     "Secrets and scoped values cannot be renamed.",
	"PolicyChange.default_visibility":  "That of a secret which is created without one.",
	"PolicyChange.max_versions":        "The versions of a secret that are kept; 0 for all.",
	"PolicyChange.version_days":        "The days for which old versions are kept; 0 for ever.",
	"PolicyChange.recovery_days":       "The days in which a deleted object can be restored; 0 for none.",
	"PolicyChange.forbid_fingerprints": "Dry runs return no fingerprints.",
	"PolicyChange.duplicates": "What a write does if another secret of the project has the same value: allow, note or " +
		"refuse.",
}
