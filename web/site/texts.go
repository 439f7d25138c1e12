// SPDX-License-Identifier: MPL-2.0

package site

import "fmt"

// Text returns the text with a key, with its arguments filled in.
func Text(key string, args ...any) string {
	text, ok := texts[key]
	if !ok {
		return key
	}
	if len(args) == 0 {
		return text
	}
	for i, a := range args {
		args[i] = readable(a)
	}
	return fmt.Sprintf(text, args...)
}

// HasText reports whether there is a text with a key.
func HasText(key string) bool { _, ok := texts[key]; return ok }

// texts are all texts of the dashboard that are not messages of the backend.
var texts = map[string]string{
	"app.name": "Pouncet",
	"yes":      "Yes", "no": "No", "cancel": "Cancel",

	"nav.skip": "Skip to the content", "nav.label": "Pages", "nav.project": "Project", "nav.environment": "Environment",
	"nav.go": "Go", "nav.you": "You are signed in as", "nav.signout": "Sign out",
	"nav.shared": "All environments (shared)", "nav.whole": "Choose one",
	"nav.entries": "Secrets", "nav.matrix": "Matrix", "nav.types": "Types", "nav.drafts": "Drafts",
	"nav.reports": "Reports", "nav.deleted": "Deleted", "nav.quotas": "Quota and rules", "nav.projects": "Projects",
	"nav.tokens": "Tokens", "nav.doctor": "Health",

	"signin.title": "Sign in", "signin.token": "Token", "signin.code": "Code", "signin.submit": "Sign in",
	"signin.token.hint": "Paste a token for this server. It begins with pnct_. " +
		"An admin creates one with: pouncet token create",
	"signin.at": "Sign in with %s", "signin.or": "or with a token", "signin.to": "Go to %s",
	"signin.goes": "You sign in at %s. Its page opens in a moment.",
	"signin.code.hint": "The terminal in which \"pouncet ui\" runs shows the code. It is valid for a minute. " +
		"Press Enter there for a new one.",
	"signin.done": "You are signed in.", "signin.leads": "The page opens in a moment.", "signin.continue": "Continue",
	"signin.ended": "Your session has ended. Sign in again.",
	"signin.kept": "Your session has ended, and nothing was changed. Sign in again, then send the form again. " +
		"What you typed is kept, except the value.",
	"signin.restores": "You are signed in. Go back to your form: what you typed is there, except the value.",
	"signin.lost": "Your session has ended, and nothing was changed. Sign in again, then repeat what you did. " +
		"What you typed is not kept.",

	"hint.page": "on the page %s", "hint.see": "the page ", "hint.entry": "on its page",
	"hint.terminal":    "%s, at a terminal",
	"hint.right":       "ask an admin for the right; the page Access shows who has which right",
	"hint.binding":     "to give it, an admin adds a binding with the role %s to %s, on the page Access",
	"hint.lasttoken":   "create another one first, which is valid for more than a day, on the page Tokens",
	"hint.refresh":     "open the draft on the page Drafts: accept the present state, or leave a change out",
	"hint.environment": "create an environment on the page Projects",
	"hint.empty":       "add a change to it with \"Put this into a draft instead\" in a form, or discard it",
	"hint.newdraft":    "a new draft begins with \"Put this into a draft instead\" in the form of a secret or value",
	"hint.operator":    "ask who runs this server; its log has the error",
	"hint.schema":      "change the schema of the type before you restore it, on the page Types",
	"hint.schemafirst": "change the schema of the type first, on the page Types, or choose another type",
	"hint.network":     "use it from one of its networks, or ask who runs this server whether it knows your address",
	"hint.rename":      "rename or delete the one that has the name now, then restore this one",
	"hint.signin":      "sign in again",
	"hint.trust":       "name one of them",
	"hint.authorities": "remove it, because only conditions apply to certificates",
	"hint.token":       "ask an admin for a new token; admins create one on the page Tokens",

	"conflict.changed":   "Somebody else has made a change since you opened this page. Nothing was done.",
	"conflict.look":      "the page shows the present state; look at it, and decide again",
	"conflict.theirs":    "They wrote:",
	"conflict.drafted":   "The draft %s has a change of this entry already, by %s: %s. Nothing was added.",
	"conflict.undrafted": "The draft %s does not have the change any more that you saw. Nothing was added.",
	"conflict.drafted.next": "what you typed is still here, except the value; send the form again to add your change, " +
		"which replaces theirs where both change the same",

	"error.title": "This did not work", "error.home": "Go to the secrets",

	"time.now": "just now", "time.in": "in %s", "time.ago": "%s ago",

	"confirm.token": "Your token, once more", "confirm.token.hint": "Paste the token that you have signed in with.",
	"confirm.at": "Confirm with %s",
	"confirm.at.hint": "You signed in some time ago. Sign in again to confirm that it is still you. You then come back " +
		"with what you have typed, and can repeat what you did.",
	"confirm.code":      "A new code",
	"confirm.code.hint": "Press Enter in the terminal in which \"pouncet ui\" runs, and type the code here.",

	"kind.secret": "Secret", "kind.value": "Value", "kind.link": "Link",

	"column.name": "Key", "column.kind": "Kind", "column.type": "Type", "column.description": "Description",
	"column.environments": "Environments", "column.environment": "Environment", "column.version": "Version",
	"column.created": "Created", "column.updatedby": "Updated by",
	"column.usedby": "Used by", "column.lastused": "Last used",
	"column.actions": "Actions", "column.by": "By", "column.client": "With",
	"column.note": "Note", "column.deleted": "Deleted", "column.until": "Restorable",

	"entries.title": "Secrets", "entries.in": "Secrets in %s", "entries.shared": "Secrets of all environments",
	"entries.lead":        "Secrets and values that a reference in this environment can find.",
	"entries.lead.shared": "Secrets and values that references in every environment can find.",
	"entries.add":         "Add Secret", "entries.addvalue": "Add value", "entries.addenvironment": "Add environment",
	"entries.search": "Search", "entries.type": "Type", "entries.anytype": "All types", "entries.filter": "Search",
	"entries.table": "Secrets and values", "entries.pages": "Pages of the list",
	"entries.tag.shared": "shared", "entries.tag.restricted": "restricted", "entries.all": "all",
	"entries.edit": "Edit %s", "entries.delete": "Delete %s",
	"entries.range": "%s–%s of %s", "entries.page": "Page %s of %s", "entries.previous": "Previous",
	"entries.next":          "Next",
	"entries.none":          "This environment has no secrets yet",
	"entries.none.lead":     "Add the first one here, or declare it in Terraform as a pouncet_secret.",
	"entries.nomatch":       "Nothing matches",
	"entries.nomatch.lead":  "No key and no description has this text, with this type.",
	"entries.clear":         "Show all",
	"entries.noenvironment": "This project has no environment yet",
	"entries.noenvironment.lead": "Secrets live in environments, such as dev and prod, or are shared by all of them. " +
		"Create the first environment.",

	"field.key": "Key", "field.value": "Value", "field.description": "Description", "field.environment": "Environment",
	"field.scope": "Scope", "field.type": "Type", "field.notype": "Text, no type", "field.visibility": "Visibility",
	"field.version": "Version", "field.rotation": "Rotation", "field.rotation.every": "every %s, due",
	"field.expires": "Expires", "field.protected": "Protected from deletion", "field.created": "Created",
	"field.updated": "Updated", "field.id": "Id",
	"field.neverused": "no use is known", "field.usedby": "by",

	"entry.edit": "Edit", "entry.delete": "Delete", "entry.value": "Value", "entry.details": "Details",
	"entry.managed":    "manages this entry, and may undo a change that is made here.",
	"entry.restricted": "This secret is restricted. No person sees its value. Only workloads use it.",
	"entry.notyours":   "You may not see the value.",
	"entry.hidden":     "The value is hidden",
	"entry.link":       "Linked to the secret",
	"entry.link.hint":  "The secret is looked up in the environment of each request.",
	"entry.plain.hint": "A value is not secret: everyone who may list it sees it.",
	"entry.uses":       "Used by", "entry.uses.link": "links to it, in %s",
	"entry.uses.linkall":  "links to it, in all environments",
	"entry.nouses":        "No registered file and no value uses it. Files register their references with:",
	"entry.readers":       "Who may have the value, and why",
	"entry.readers.first": "These are the first %s of %s.", "entry.readers.all": "All of them are on the page Access.",
	"entry.uses.first": "These are %s positions, and there are more.", "entry.uses.next": "The next positions",
	"entry.uses.back": "Back to the first positions",
	"entry.uses.more": "There are more. All of them are on the page of the entry.",
	"entry.noreaders": "No token may have it.",
	"entry.records":   "What happened to it", "entry.records.all": "All records", "entry.norecords": "No record yet.",
	"entry.others": "Environments with this key", "entry.versions": "Versions", "entry.current": "current",
	"entry.tag": "Tag", "entry.tag.set": "Set tag", "entry.untag": "Remove tag %s",
	"entry.tag.hint": "A tag names one version, such as stable. If another version has the tag, it moves.",
	"entry.compare":  "Compare", "entry.rollback": "Roll back", "entry.moreversions": "For older versions: " +
		"pouncet secret history %s",
	"compare.same":      "Version %s has the same value as version %s.",
	"compare.different": "Version %s has another value than version %s.",
	"compare.fields":    "These fields differ:",

	"reveal.title": "Value of %s", "reveal.show": "Show", "reveal.hide": "Hide now", "reveal.copy": "Copy without showing",
	"reveal.counting": "hidden again in %d s", "reveal.copied": "copied; clear the clipboard after use",
	"reveal.failed": "this did not work; try again",
	"reveal.warning": "Do you share your screen? The value is shown for 30 seconds, and hidden when you leave the tab. " +
		"The audit log records it.",
	"reveal.binary": "The value is not text. This is base64.", "reveal.leaves": "This page leaves in",
	"reveal.seconds": "seconds.", "reveal.confirm": "Confirm",
	"reveal.again": "You signed in some time ago. Confirm that it is still you, before the value is shown.",

	"edit.new": "Add secret", "edit.title": "Edit %s", "edit.lead": "In environment %s.",
	"edit.lead.shared": "Shared by all environments.", "edit.usetype": "Use this type",
	"edit.type.hint": "A type gives the value its fields, and checks them. Choose it first.",
	"edit.required":  "(required)", "edit.optional": "(optional)", "edit.showtyped": "Show what I type",
	"edit.keep":        "Leave empty to keep the current value.",
	"edit.keep.fields": "Leave all fields empty to keep the current value. A new value needs all required fields.",
	"edit.value.hint":  "It is encrypted, and appears in no list and no log.",
	"field.labels":     "Labels",
	"edit.labels.hint": "One per line, such as team=payments. Everyone who may list the entry sees them.",
	"edit.generate":    "Generate a random value that nobody sees", "edit.more": "More settings",
	"edit.rotation": "Rotate every … days", "edit.note": "Note for this version",
	"edit.protected": "Protect from deletion, also by force",
	"edit.key.hint":  "Letters, digits, _ and -. References use this name.",
	"edit.fixed":     "The policy of the project does not allow renames.",
	"edit.create":    "Create", "edit.save": "Save changes", "edit.valid": "The value fits the type.",
	"edit.conflict":          "Somebody else has changed this entry while you were editing it. Nothing was saved.",
	"edit.conflict.now":      "It is now called %s, at version %s, changed",
	"edit.conflict.nowvalue": "It is now called %s, changed",
	"edit.conflict.changed":  "Changed by others: %s.",
	"edit.conflict.all":      "What you changed is still here. All else is as it is now. Save again to make your change.",
	"edit.conflict.next": "What you changed is still here, except the value. All else is as it is now. " +
		"Save again to make your change.",
	"edit.restart": "What uses this entry may need a restart to get the new value:",
	"edit.draft":   "Put this into a draft instead", "edit.draft.name": "Name of the draft",
	"edit.draft.hint":  "A draft keeps changes until somebody deploys all of them. Leave empty to change at once.",
	"edit.missing":     "This field is required.",
	"edit.kind.number": "write a number", "edit.kind.boolean": "choose yes or no", "edit.kind.json": "write valid JSON",

	"visibility.masked":     "Masked: people can reveal it, and each reveal is recorded",
	"visibility.restricted": "Restricted: never shown",

	"value.new": "Add value", "value.lead": "A value is plain JSON that is not secret, or a link to a secret.",
	"value.as": "The value is", "value.json": "plain JSON", "value.link": "a link to a secret",
	"value.jsonlabel": "JSON",
	"value.json.hint": "A text is in quotation marks: \"eu-central-1\". Numbers, true, false, " +
		"lists and objects are not.",
	"value.secret": "Secret to link to", "value.field": "Field of the secret",

	"delete.title": "Delete %s", "delete.lead": "This deletes the entry in environment %s.",
	"delete.lead.shared": "This deletes the entry for all environments.",
	"delete.undo":        "It can be restored for %s.", "delete.forever": "It cannot be restored.",
	"delete.first": "Do this first: remove or change what uses it", "delete.usedby": "Used by",
	"delete.type": "Type the key to confirm:", "delete.wrong": "This is not the key. Type %s",
	"delete.force.hint": "remove or change what uses it, or choose below to delete it nevertheless",
	"delete.force":      "Delete it nevertheless. What uses it will fail.", "delete.submit": "Delete",

	"deleted.title": "Deleted", "deleted.lead": "What was deleted lately, and can be restored.",
	"deleted.restore": "Restore", "deleted.none": "Nothing to restore",
	"deleted.none.lead": "Deleted environments, secrets and values are here until their recovery window ends.",

	"projects.title": "Projects", "projects.lead": "Each project has its own environments, quota and rules.",
	"projects.none": "No project that you may see", "projects.none.add": "Add a project below.",
	"projects.none.ask":       "Ask a person with the role admin for a role in a project.",
	"projects.noenvironments": "no environments yet", "projects.new": "Add project",
	"projects.newenvironment": "Add environment",

	"done.created": "Created.", "done.saved": "Saved.", "done.deleted": "Deleted.", "done.restored": "Restored.",
	"done.rolledback": "Rolled back: the earlier value is a new version.", "done.staged": "Added to the draft.",
	"done.deployed": "Deployed: all changes of the draft are made.", "done.discarded": "Discarded.",
	"done.refreshed": "The changes accept the present state.", "done.dropped": "Left out of the draft.",
	"done.samevalue": "Saved. Another secret of the project has the same value: see the page Reports.",
	"done.ended":     "The session has ended.",
	"done.confirmed": "Confirmed. Copy the value now.",

	"drafts.title": "Drafts", "drafts.lead": "Changes that wait for somebody to deploy them together.",
	"drafts.name": "Draft", "drafts.changes": "Changes", "drafts.none": "No draft waits",
	"drafts.none.lead":   "When you add, edit or delete an entry, you can put the change into a draft.",
	"drafts.review":      "Review and deploy %s",
	"drafts.review.lead": "What the deployment would do. No value is shown, and either all changes are made or none.",
	"drafts.difference":  "Changes of the draft", "drafts.change": "Change", "drafts.same": "no difference",
	"drafts.maynot": "You may not deploy all changes of this draft.",
	"drafts.drop":   "Leave out %s", "drafts.nothing": "The draft has no changes that you may see.",
	"drafts.deploy":  "Deploy all changes",
	"drafts.refresh": "Accept the present state", "drafts.discard": "Discard the draft",
	"drafts.stale": "stale: the object %s since the change was staged",

	"matrix.title": "Matrix", "matrix.lead": "Which secret is set in which environment.",
	"matrix.filters": "Filters", "matrix.all": "All", "matrix.holes": "Only with holes",
	"matrix.different": "Only different values", "matrix.compare": "Compare values", "matrix.set": "set",
	"matrix.shared": "shared", "matrix.missing": "missing", "matrix.draft": "draft", "matrix.fill": "add %s to %s",
	"matrix.notcompared": "You may not compare values.", "matrix.none": "Nothing to show",
	"matrix.none.lead": "No secret matches. Secrets that you add are here, with each environment that lacks them.",

	"reports.title": "Reports", "reports.lead": "Secrets that need attention. The comparison of values stores nothing.",
	"reports.finding": "Finding", "reports.detail": "Detail", "reports.lastused": "Last used",
	"reports.nousages": "No file has registered its references, so no secret is reported as in no file. " +
		"Register them with:",
	"reports.notcompared": "The values of %s were not compared, because you may not have them.",
	"reports.more":        "and %s more",
	"reports.none":        "No secret needs attention",
	"reports.none.lead":   "Nothing expires soon, and nothing is missing.",

	"quotas.title": "Quota and rules", "quotas.lead": "The limits that the project sets for its entries.",
	"quotas.used": "%s of %s secrets", "quotas.full": "The quota is used up. Raise it below, or delete secrets.",
	"quotas.rules": "Rules", "rule.max_secrets": "Quota of secrets", "rule.max_value_bytes": "Largest value, in bytes",
	"rule.max_name_length": "Longest name", "rule.recovery_days": "Days to undo a deletion",
	"rule.max_versions": "Versions to keep (0: all)", "rule.version_days": "Days to keep (0: all)",
	"rule.conflict": "Somebody else has changed this to: %s. Nothing was saved. " +
		"Save again to make your change.",
	"rule.empty":                         "empty",
	"rule.name_pattern":                  "Pattern that names must match (RE2); empty for none",
	"rule.duplicates":                    "If another secret has the same value",
	"rule.default_visibility":            "Default visibility of new secrets",
	"rule.default_visibility.masked":     "Masked: people can reveal it, and each reveal is recorded",
	"rule.default_visibility.restricted": "Restricted: never shown",
	"rule.default_visibility.hint":       "Existing secrets keep their visibility.",
	"rule.immutable_names":               "Renames",
	"rule.immutable_names.no":            "Allow them", "rule.immutable_names.yes": "Refuse them",
	"rule.immutable_names.hint":   "References in files use the names of secrets and values.",
	"rule.forbid_fingerprints":    "Fingerprints of values for Terraform plans",
	"rule.forbid_fingerprints.no": "Allow them", "rule.forbid_fingerprints.yes": "Refuse them",
	"rule.forbid_fingerprints.hint": "With fingerprints, a plan compares many values in one call and reads none. " +
		"Without fingerprints, it asks about each value.",
	"rule.duplicates.allow": "Allow it", "rule.duplicates.note": "Allow it, and say so",
	"rule.duplicates.refuse": "Refuse the new value",
	"rule.duplicates.hint": "To say so or to refuse, the database gets a short tag of each value, which shows " +
		"to its readers which values are equal.",

	"types.title": "Types", "types.lead": "A type says which fields a value has. Each new value is checked.",
	"types.add": "Add type", "types.display": "Display name", "types.origin": "Origin", "types.builtin": "built in",
	"types.own": "this project", "types.builtin.lead": "This type belongs to Pouncet and cannot be changed.",
	"types.schema": "JSON Schema (draft 2020-12)", "types.example": "Example value, to try the schema",
	"types.example.hint": "It is not stored. Write no real secret.",
	"types.valid":        "The schema is valid, and the example fits.",

	"tokens.session": "You have signed in at an issuer. Such a session creates no tokens, because they would outlive " +
		"it. Sign in with a token to create one.",
	"tokens.lead":   "A token lets a person or a program use a server. It can do what its rights allow.",
	"tokens.rights": "Rights", "tokens.norights": "none: no binding", "tokens.where": "Where",
	"tokens.everywhere": "Everywhere", "grants.unprotected": "all unprotected environments",
	"tokens.exists": "if you have just created it and have not seen the token: delete it, and create it again; " +
		"otherwise choose another name",
	"tokens.created": "Copy the token now. It cannot be shown again.", "tokens.name": "Name", "tokens.role": "Role",
	"tokens.for": "For", "tokens.end": "Expires", "tokens.end.hint": "After 90 days if empty",
	"tokens.delete.lead": "The token stops working at once, on all servers, and its sessions end. " +
		"It cannot be restored. It has:",
	"tokens.delete.own":  "You have signed in with this token. Its deletion signs you out.",
	"tokens.delete.type": "Type the name to confirm:", "tokens.delete.wrong": "This is not the name. Type %s",
	"tokens.person": "a person", "tokens.workload": "a workload", "tokens.add": "Add token",

	"nav.access": "Access", "access.title": "Access", "access.lead": "Who may do what, where, and why.",
	"access.reasons": "Who may do what", "access.who": "Who", "access.why": "Why", "access.right": "Right",
	"access.anyright": "Any right", "access.anywhere": "Anywhere", "access.everywhere": "everywhere",
	"access.why.role": "the role of the token", "access.why.binding": "binding %s",
	"access.why.group": "binding %s, for group %s",
	"access.nobody":    "Nobody", "access.nobody.lead": "No token has this right there, as far as you may see.",
	"access.bindings": "Bindings", "access.binding": "Binding", "access.to": "To", "access.add": "Add binding",
	"access.nobindings": "No binding yet. Without one, a token has the rights of its role everywhere.",
	"access.groups":     "Groups", "access.nogroups": "No group yet.",
	"access.groups.hint": "A binding for a group holds for its members. To change one:",
	"access.roles":       "Roles", "access.roles.hint": "A role is a set of rights. To make your own:",
	"access.add.lead": "A binding gives a role to a token, group or trust, at some places. " +
		"You see what it gives before you give it.",
	"access.to.hint": "Write token:NAME, group:NAME or trust:NAME; for a token that you may not list, token: and its " +
		"id. A token needs the role none to have bindings. " +
		"The page Tokens makes such a token if you choose a place for it.",
	"access.names": "Names", "access.names.hint": "Only these: a name, or a pattern such as db_*. Empty for all names.",
	"access.name": "Name of the binding", "access.review.do": "Review", "access.review": "This binding gives",
	"access.review.hint": "It also holds for secrets that are added later. Nothing has been changed yet.",
	"access.members":     "with the members", "access.protected": "protected", "access.now": "Now",
	"access.give": "Give these rights", "access.delete.lead": "This takes away what the binding gives:",
	"access.left": "What they have nevertheless", "access.left.nothing": "Nothing: no other binding gives them rights.",

	"sessions.title": "Sessions", "sessions.lead": "Where you have signed in to the dashboard.",
	"sessions.all": "Who has signed in to the dashboard.", "sessions.began": "Signed in",
	"sessions.seen": "Last seen", "sessions.address": "Address", "sessions.browser": "Browser",
	"sessions.this": "this one", "sessions.end": "End", "sessions.end.of": "the session of %s from %s",
	"sessions.local": "A session ends after 30 minutes without a request, after 12 hours, " +
		"and with the command pouncet ui.",
	"sessions.server": "A session ends after 30 minutes without a request and after 12 hours. " +
		"These are the sessions of all servers. For other servers, the last request can be a few minutes later than shown. " +
		"A session that you end here ends on all servers. To end all sessions of a token, delete the token.",

	"nav.audit": "Audit", "audit.title": "Audit log",
	"audit.lead": "Who did what, when, where, and with which outcome. No record has a value.",
	"audit.when": "When", "audit.record": "Record",
	"audit.what": "What", "audit.outcome": "Outcome", "audit.objects": "Objects",
	"audit.anything": "Anything", "audit.any": "Any", "audit.allprojects": "All", "audit.since": "Within",
	"audit.ever": "Any time", "audit.from": "From", "audit.to": "To", "audit.draft": "draft", "audit.request": "request",
	"audit.older": "Older records", "audit.none": "No record", "audit.none.lead": "Nothing that you may see matches.",
	"audit.notyet":      "Nothing found yet",
	"audit.notyet.lead": "The newest records do not match. Older ones have not been searched.",
	"audit.further":     "Search further", "audit.proof": "To show that no record was changed or removed:",

	"doctor.lead": "What is wrong with this backend.", "doctor.fine": "The backend has no problem.",
	"doctor.deployment": "Deployment", "doctor.version": "Version",
	"doctor.more": "To find out why a secret is not available:",
}
