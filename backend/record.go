// SPDX-License-Identifier: MPL-2.0

package backend

import (
	"cmp"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Record is a record of the audit log. It holds no values.
type Record struct {
	// Line is the record as one line of JSON, byte for byte as its hash covers it: the SHA-256 of a zero byte and the
	// line.
	Line string `json:"line"`
	// Hash is that hash as it is stored. A record that is older than hashes has none.
	Hash []byte `json:"hash,omitempty"`
}

// CodeOK is the Code of a Query, and of a record, without an error.
const CodeOK = "ok"

// RecordVerbs lists the verbs that records have, sorted.
var RecordVerbs = []string{"accept", string(VerbApply), "compare", "create", "expire", "fingerprint", "login", "move",
	"probe", string(VerbQuery), "refused", string(VerbResolve), string(VerbReveal), string(VerbSignIn), "stage", "sweep",
	"upgrade", "verify"}

// RecordOutcomes lists the outcomes that records have: CodeOK, the codes of errors, and CodeCanceled if the client of
// the call went away.
var RecordOutcomes = []string{CodeOK, string(CodeInvalid), string(CodeTooLarge), string(CodeQuota),
	string(CodeNotFound), string(CodeExists), string(CodeConflict), string(CodeInUse), string(CodeImmutable),
	string(CodeDenied), string(CodeUnauthenticated), string(CodeUnavailable), string(CodeKeyUnusable),
	string(CodeStorageFull), string(CodeCorrupt), string(CodeInternal), CodeCanceled}

// CodeCanceled is the Code of the record of a call whose client went away before its answer.
const CodeCanceled = "canceled"

// checkOneOf refuses a selector of records that no record has: an empty list would say that nothing happened.
func checkOneOf(what, text string, known []string) *Error {
	if text == "" || slices.Contains(known, text) {
		return nil
	}
	return Errorf(CodeInvalid, "no record of the audit log has the %s %s", what, Quote(text)).
		WithHint("use %s", strings.Join(known, ", "))
}

// CheckRecordSelectors refuses a verb or an outcome that no record has.
func CheckRecordSelectors(q Query) *Error {
	if err := checkOneOf("verb", q.Verb, RecordVerbs); err != nil {
		return err.At("verb")
	}
	if err := checkOneOf("outcome", q.Code, RecordOutcomes); err != nil {
		return err.At("code")
	}
	return nil
}

// RecordLine is what the line of a Record holds, for programs that show it.
type RecordLine struct {
	Records   string       `json:"records"` // "changes" or "reads"
	Log       string       `json:"log"`     // the id of a project, or "" for the deployment
	Number    int64        `json:"number"`
	At        time.Time    `json:"at"`
	Principal string       `json:"principal"`
	Role      string       `json:"role"`
	Verb      string       `json:"verb"`
	Phase     string       `json:"phase"`
	Code      string       `json:"code"`
	Detail    RecordDetail `json:"detail"`
}

// RecordDetail is what programs show of the detail of a record.
type RecordDetail struct {
	PrincipalID   string        `json:"principal_id"`
	PrincipalKind PrincipalKind `json:"principal_kind"`
	Address       string        `json:"address"`
	RequestID     string        `json:"request_id"`
	Count         int           `json:"count"` // of the refusals that the record stands for
	Repeated      bool          `json:"repeated"`
	Draft         string        `json:"draft"`
	Groups        []RecordGroup `json:"groups"`
	Omitted       map[Code]int  `json:"omitted"` // items that are not listed, by the code of their error
}

// RecordGroup holds the items of one project, environment and scope.
type RecordGroup struct {
	Project     string       `json:"project"`
	Environment string       `json:"environment"`
	Scope       string       `json:"scope"`
	Items       []RecordItem `json:"items"`
}

// RecordItem is one reference, or one change.
type RecordItem struct {
	Kind    Kind   `json:"kind"`
	Name    string `json:"name"`
	ID      string `json:"id"`
	Field   string `json:"field"`
	Op      Op     `json:"op"`
	Action  Action `json:"action"`
	Version int64  `json:"version"`
	Was     string `json:"was"`
	Code    Code   `json:"code"` // of its own error
	Problem string `json:"problem"`
}

// Parse returns what the line holds. A line that cannot be parsed, because somebody has changed the record in the
// database, gives what could be read of it.
func (r *Record) Parse() (l RecordLine) {
	if r != nil {
		_ = json.Unmarshal([]byte(r.Line), &l)
	}
	return l
}

// shownObjects is how many objects Objects names.
const shownObjects = 3

// Objects names the objects of a record in a few words.
func (l RecordLine) Objects() string {
	var names []string
	for _, g := range l.Detail.Groups {
		for _, i := range g.Items {
			names = append(names, strings.TrimSpace(i.Kind.String()+" "+cmp.Or(i.Name, i.ID)))
		}
	}
	more := 0
	for _, n := range l.Detail.Omitted {
		more += n
	}
	if len(names) > shownObjects {
		more += len(names) - shownObjects
		names = names[:shownObjects]
	}
	if more > 0 {
		names = append(names, strconv.Itoa(more)+" more")
	}
	return strings.Join(names, ", ")
}

// Outcome is the code of the call or, if that is CodeOK, the codes of its items.
func (l RecordLine) Outcome() string {
	if l.Code != CodeOK {
		return l.Code
	}
	var codes []string
	for _, g := range l.Detail.Groups {
		for _, i := range g.Items {
			if code := cmp.Or(string(i.Code), CodeOK); !slices.Contains(codes, code) {
				codes = append(codes, code)
			}
		}
	}
	for code := range l.Detail.Omitted {
		if !slices.Contains(codes, string(code)) {
			codes = append(codes, string(code))
		}
	}
	slices.Sort(codes)
	return cmp.Or(strings.Join(codes, ", "), l.Code)
}

// Environments names the environments of a record.
func (l RecordLine) Environments() string {
	var names []string
	for _, g := range l.Detail.Groups {
		if g.Environment != "" && !slices.Contains(names, g.Environment) {
			names = append(names, g.Environment)
		}
	}
	return strings.Join(names, ", ")
}
