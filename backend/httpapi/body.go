// SPDX-License-Identifier: MPL-2.0

package httpapi

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// The limits of a request, checked while its body is read. A few bytes of JSON can need a hundred times their size in
// memory, so the number of values is limited too. docs/limits.md lists the limits.
const (
	maxRequestBytes  = 32 << 20
	maxInFlightBytes = 64 << 20  // of the bodies of all requests that the server reads or serves
	maxCallerBytes   = 32 << 20  // of the bodies of one principal
	smallBody        = 16 << 10  // a body that is not larger is read in any case
	maxTokens        = 1_000_000 // names and values in a request
	maxItems         = 250_000   // items of lists, at any depth
	maxDepth         = backend.MaxJSONDepth + 10

	// A body must arrive within bodyTime, and one second more for each bodyRate bytes.
	bodyTime = 10 * time.Second
	bodyRate = 64 << 10
)

// limitedBody reads the body of a request, up to the limits. It counts the JSON without decoding it.
type limitedBody struct {
	from    io.Reader
	control *http.ResponseController
	start   time.Time
	caller  *caller
	maxList int // items of a list in the top-level object
	read    int64
	err     error // the limit that was exceeded

	depth, tokens, items, listed int
	lists                        [maxDepth + 1]bool // whether the value at a depth is a list
	inString, escaped, inWord    bool
	names                        names
}

func (b *limitedBody) Read(p []byte) (int, error) {
	if b.err != nil {
		return 0, b.err
	}
	_ = b.control.SetReadDeadline(b.start.Add(bodyTime + time.Duration(b.read/bodyRate)*time.Second)) // tests have none
	n, err := b.from.Read(p)
	if errors.Is(err, io.EOF) {
		// From here on, net/http reads the connection to notice that the client has gone. If a deadline passes meanwhile, it
		// cancels the call as if the client had. It sets a new deadline before the next request.
		_ = b.control.SetReadDeadline(time.Time{})
	}
	b.read += int64(n)
	own, total := b.caller.read(int64(n)) // release subtracts all that was read
	switch {
	case b.read > maxRequestBytes:
		b.err = backend.Errorf(backend.CodeTooLarge, "the request has more than %d bytes", maxRequestBytes).
			WithHint("send several smaller requests")
	case b.read > smallBody && own > maxCallerBytes:
		b.err = backend.Errorf(backend.CodeUnavailable, "%s sends too many large requests at once", b.caller.label).
			WithHint("try again in a second")
	case b.read > smallBody && total > maxInFlightBytes:
		b.err = backend.Errorf(backend.CodeUnavailable, "the server reads too many large requests at once").
			WithHint("try again in a second")
	default:
		b.err = b.count(p[:n])
	}
	if b.err != nil {
		return 0, b.err
	}
	return n, err
}

// release lets other requests have the bytes.
func (b *limitedBody) release() { b.caller.read(-b.read) }

// count counts the values of a part of the body.
func (b *limitedBody) count(part []byte) error {
	for _, c := range part {
		if b.inString {
			if b.inString = b.escaped || c != '"'; !b.inString && b.names.end(b.depth) {
				return b.twice()
			}
			b.escaped = !b.escaped && c == '\\'
			if b.names.inName {
				b.names.name = append(b.names.name, c)
			}
			continue
		}
		word := false
		switch c {
		case '"':
			b.inString = true
			b.names.begin()
			b.tokens++
		case '{', '[':
			b.tokens++
			if b.depth++; b.depth > maxDepth {
				return backend.Errorf(backend.CodeTooLarge, "the request nests deeper than %d levels", maxDepth)
			}
			if b.lists[b.depth] = c == '['; c == '[' {
				b.item()
			}
			b.names.open(b.depth, c == '{')
		case '}', ']':
			b.names.close(b.depth)
			b.depth = max(b.depth-1, 0)
		case ',':
			if b.lists[b.depth] {
				b.item()
			}
			b.names.next = !b.lists[b.depth]
		case ':', ' ', '\t', '\r', '\n':
		default:
			if word = true; !b.inWord {
				b.tokens++
			}
		}
		b.inWord = word
		if b.listed > b.maxList || b.tokens > maxTokens || b.items > maxItems {
			return b.tooMany()
		}
	}
	return nil
}

// item counts an item of the present list. An empty list counts as one item.
func (b *limitedBody) item() {
	b.items++
	if b.depth == 2 {
		b.listed++
	}
}

// twice refuses a name that an object has twice. It shows only what can be the name of a field.
func (b *limitedBody) twice() error {
	name := "a name"
	if quoted := strconv.Quote(b.names.last); isFieldName(quoted) {
		name = "the field " + quoted
	}
	return backend.Errorf(backend.CodeInvalid, "the request has %s twice in one object", name).
		WithHint("send each field once; upper and lower case make no difference")
}

func (b *limitedBody) tooMany() error {
	e := backend.Errorf(backend.CodeTooLarge, "the request has more than %d names and values, or %d items of lists",
		maxTokens, maxItems)
	switch {
	case b.listed > 0 && b.maxList == 0:
		return backend.Errorf(backend.CodeTooLarge, "the request has a list where none is supported").
			WithHint("update the server if its client is newer")
	case b.listed > b.maxList:
		e = backend.Errorf(backend.CodeTooLarge, "the request has more than %d changes or references", b.maxList)
	}
	return e.WithHint("send several smaller requests")
}

// decode decodes the body of a request. The caller releases it when the request is done.
func decode(b *limitedBody, contentType string, in any) error {
	if kind, _, _ := mime.ParseMediaType(contentType); kind != "application/json" {
		return backend.Errorf(backend.CodeInvalid, "content type %s is not supported", backend.Quote(kind)).
			WithHint("send application/json")
	}
	d := json.NewDecoder(b)
	d.DisallowUnknownFields()
	err := d.Decode(in)
	if err == nil {
		if _, err := d.Token(); !errors.Is(err, io.EOF) && b.err == nil {
			return backend.Errorf(backend.CodeInvalid, "the request has text after its JSON")
		}
	}
	if b.err != nil {
		return b.err
	}
	if err != nil {
		return malformed(err)
	}
	return nil
}

// malformed says why a body is not the JSON of its route. The message of the decoder may quote a value of the request,
// so only what cannot be one is taken from it.
func malformed(err error) *backend.Error {
	const route = "the request cannot be parsed as the JSON of this route: "
	var syntax *json.SyntaxError
	var wrongType *json.UnmarshalTypeError
	var encoding base64.CorruptInputError
	field, isUnknown := strings.CutPrefix(err.Error(), "json: unknown field ")
	switch {
	case errors.Is(err, io.EOF):
		return backend.Errorf(backend.CodeInvalid, route+"it is empty").WithHint("send a JSON object")
	case errors.Is(err, io.ErrUnexpectedEOF):
		return backend.Errorf(backend.CodeInvalid, route+"it ends before its JSON does").WithHint("send all of it")
	case errors.As(err, &syntax):
		return backend.Errorf(backend.CodeInvalid, route+"byte %d is not valid JSON", syntax.Offset).
			WithHint("correct the JSON")
	case errors.As(err, &wrongType) && wrongType.Field != "":
		return backend.Errorf(backend.CodeInvalid, route+"field %s has the wrong type", wrongType.Field).
			WithHint("see /v1/openapi.json for the type of each field")
	case errors.As(err, &encoding):
		return backend.Errorf(backend.CodeInvalid, route+"a field with bytes, such as \"value\", is not base64").
			WithHint("encode the bytes as base64, with the standard alphabet and padding")
	case isUnknown && isFieldName(field):
		return backend.Errorf(backend.CodeInvalid, route+"it has no field %s", field).
			WithHint("check the name; update the server if its client is newer")
	}
	return backend.Errorf(backend.CodeInvalid, "the request cannot be parsed as the JSON of this route").
		WithHint("check for an unknown field or a wrong type; update the server if its client is newer")
}

// isFieldName reports whether a text is a quoted name as fields have it.
func isFieldName(quoted string) bool {
	name, err := strconv.Unquote(quoted)
	return err == nil && name != "" && len(name) <= 32 && !strings.ContainsFunc(name, notLower)
}
