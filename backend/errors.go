// SPDX-License-Identifier: MPL-2.0

package backend

import (
	"errors"
	"fmt"
	"strings"
)

// Code classifies an Error. Callers compare it by errors.Is with the sentinels
// below, and the wire carries it. No code depends on a message.
type Code string

// The codes.
const (
	CodeInvalid         Code = "invalid"         // breaks a rule: name, schema, argument
	CodeTooLarge        Code = "too_large"       // a value or a request over its limit
	CodeQuota           Code = "quota_exceeded"  // over the quota
	CodeNotFound        Code = "not_found"       //
	CodeExists          Code = "already_exists"  //
	CodeConflict        Code = "conflict"        // not the expected version
	CodeInUse           Code = "in_use"          // something depends on it
	CodeImmutable       Code = "immutable"       // fixed at creation; another value needs another object
	CodeDenied          Code = "denied"          // the caller is known and lacks the permission
	CodeUnauthenticated Code = "unauthenticated" // the caller is not known
	CodeUnavailable     Code = "unavailable"     // store, KMS or server cannot be reached now; a retry may succeed
	CodeKeyUnusable     Code = "key_unusable"    // the KMS key is deleted, disabled or refused
	CodeStorageFull     Code = "storage_full"    //
	CodeCorrupt         Code = "corrupt"         // stored data cannot be decrypted or fails its check
	CodeInternal        Code = "internal"        // a defect
)

// Sentinels for errors.Is, which compares only the code.
var (
	ErrInvalid         = &Error{Code: CodeInvalid}
	ErrTooLarge        = &Error{Code: CodeTooLarge}
	ErrQuota           = &Error{Code: CodeQuota}
	ErrNotFound        = &Error{Code: CodeNotFound}
	ErrExists          = &Error{Code: CodeExists}
	ErrConflict        = &Error{Code: CodeConflict}
	ErrInUse           = &Error{Code: CodeInUse}
	ErrImmutable       = &Error{Code: CodeImmutable}
	ErrDenied          = &Error{Code: CodeDenied}
	ErrUnauthenticated = &Error{Code: CodeUnauthenticated}
	ErrUnavailable     = &Error{Code: CodeUnavailable}
	ErrKeyUnusable     = &Error{Code: CodeKeyUnusable}
	ErrStorageFull     = &Error{Code: CodeStorageFull}
	ErrCorrupt         = &Error{Code: CodeCorrupt}
	ErrInternal        = &Error{Code: CodeInternal}
)

// Error says what went wrong, in fields. It never holds a secret value. All its
// exported fields but Err cross the wire.
type Error struct {
	Code Code `json:"code"`
	// Message is one sentence without a full stop that names the object and the
	// rule or limit.
	Message string `json:"message"`
	// Hint is the next step, as one sentence without a full stop; may be empty.
	Hint string `json:"hint,omitempty"`
	// Attribute is the JSON name of the attribute at fault ("value", "type"); may be empty.
	Attribute string `json:"attribute,omitempty"`

	// Of a missing reference: the environments that have the name, and a similar
	// name.
	Environments []string `json:"environments,omitempty"`
	Suggestion   string   `json:"near,omitempty"`
	// Dependents block the deletion of an object that is in use.
	Dependents []Dependent `json:"users,omitempty"`

	// Err is the cause. It does not cross the wire.
	Err error `json:"-"`
}

// Dependent is what uses an object: another object, or a position in a
// configuration file, which has only a label.
type Dependent struct {
	Label     string `json:"label"`
	ID        string `json:"id,omitempty"`
	ManagedBy string `json:"managed_by,omitempty"`
}

// Errorf returns an Error. The format may use %w once, for the cause, whose text
// becomes part of the message.
func Errorf(code Code, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	return &Error{Code: code, Message: err.Error(), Err: errors.Unwrap(err)}
}

// WithHint adds the next step.
func (e *Error) WithHint(format string, args ...any) *Error {
	e.Hint = fmt.Sprintf(format, args...)
	return e
}

// At names the attribute at fault.
func (e *Error) At(attribute string) *Error {
	e.Attribute = attribute
	return e
}

// Error returns the message, with the hint after a semicolon.
func (e *Error) Error() string {
	if e.Hint == "" {
		return e.Message
	}
	return e.Message + "; " + e.Hint
}

// IsMissingReference reports whether the error says that an entry does not exist. It is false if the project or the
// environment does not exist: a default can replace a missing entry, but not hide a mistyped environment.
func (e *Error) IsMissingReference() bool {
	return e.Code == CodeNotFound && e.Attribute != "environment" && e.Attribute != "project"
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Is compares codes with a sentinel, which is an Error without a message.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Message == "" && t.Code == e.Code
}

// AsError returns err as an *Error. Any other error is a defect and is wrapped
// with CodeInternal; nil stays nil.
func AsError(err error) *Error {
	if err == nil {
		return nil
	}
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return &Error{Code: CodeInternal, Message: err.Error(), Err: err}
}

// maxRejected is how many errors an error of Rejected lists. Each outcome has its own.
const maxRejected = 20

// Rejected returns the error of an Apply whose changes broke rules: the single error, or one that lists the first of
// them. It is nil if no change broke a rule.
func Rejected(outcomes []Outcome) error {
	return RejectedOf(outcomes, func(int) string { return "" })
}

// RejectedOf is Rejected with a name for each change, which comes before its error. Changes that broke the same rule
// share one line.
func RejectedOf(outcomes []Outcome, nameOf func(n int) string) error {
	broken := 0
	var first []int // of each text
	count := map[string]int{}
	for n, o := range outcomes {
		if o.Err == nil {
			continue
		}
		text := o.Err.Error()
		if broken++; count[text] == 0 {
			first = append(first, n)
		}
		count[text]++
	}
	if broken == 0 {
		return nil
	}
	cause := outcomes[first[0]].Err
	if broken == 1 {
		return named(cause, nameOf(first[0]))
	}
	lines := make([]string, 0, maxRejected+1)
	listed := 0
	for _, n := range first[:min(len(first), maxRejected)] {
		e := outcomes[n].Err
		same := count[e.Error()]
		listed += same
		line := named(e, nameOf(n)).Error()
		if same > 1 {
			line += fmt.Sprintf("; the same holds for %s", Plural(same-1, "other change"))
		}
		lines = append(lines, line)
	}
	if more := broken - listed; more > 0 {
		lines = append(lines, fmt.Sprintf("and %d more", more))
	}
	return &Error{
		Code: cause.Code,
		Message: fmt.Sprintf("%d of %d changes were refused, and nothing was changed:\n  %s", broken, len(outcomes),
			strings.Join(lines, "\n  ")),
		Err: cause,
	}
}

// named returns an error whose message begins with a name, if it is not empty.
func named(e *Error, name string) *Error {
	if name == "" {
		return e
	}
	with := *e
	with.Message = name + ": " + e.Message
	return &with
}
