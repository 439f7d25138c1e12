// SPDX-License-Identifier: MPL-2.0

package interpolate

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// filterDefault is the one filter that sees a missing entry, and so the one
// that the evaluator applies itself.
const filterDefault = "default"

// filters are the others. Their errors never repeat what they were given.
var filters = map[string]func(result) (result, *backend.Error){
	"trim":      func(r result) (result, *backend.Error) { return textResult(bytes.TrimSpace(r.bytes())), nil },
	"urlencode": func(r result) (result, *backend.Error) { return textResult(urlEncode(r.bytes())), nil },
	"b64encode": func(r result) (result, *backend.Error) {
		return textResult(base64.StdEncoding.AppendEncode(nil, r.bytes())), nil
	},
	"b64decode": b64decode,
	"json":      toJSON,
	"int":       toInt,
	"float":     toFloat,
	"bool":      toBool,
}

func filterNames() []string {
	names := []string{filterDefault}
	for name := range filters {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func textResult(b []byte) result { return result{typeText, b} }

// bytes is the result as text.
func (r result) bytes() []byte {
	if r.typ == typeNull {
		return []byte(noneText)
	}
	return r.text
}

// unreserved are the characters that need no percent sign (RFC 3986, section
// 2.3). A slash is not among them: in a password, it would end the authority
// of a connection string.
const unreserved = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"

func urlEncode(b []byte) []byte {
	const hex = "0123456789ABCDEF"
	out := make([]byte, 0, len(b)+len(b)/2)
	for _, c := range b {
		if strings.IndexByte(unreserved, c) >= 0 {
			out = append(out, c)
		} else {
			out = append(out, '%', hex[c>>4], hex[c&15])
		}
	}
	return out
}

// b64decode takes the standard alphabet or the one for URLs, with or without
// padding, and across lines.
func b64decode(r result) (result, *backend.Error) {
	in := bytes.Map(func(c rune) rune {
		switch c {
		case '-':
			return '+'
		case '_':
			return '/'
		case ' ', '\t', '\r', '\n':
			return -1
		}
		return c
	}, r.bytes())
	out, err := base64.RawStdEncoding.AppendDecode(nil, bytes.TrimRight(in, "="))
	if err != nil {
		return r, backend.Errorf(backend.CodeInvalid, "the value is not base64").WithHint("leave out b64decode if it is not encoded")
	}
	return textResult(out), nil
}

// toJSON writes the value as JSON text: a string in quotes, for a place in a
// JSON document. The result is text like any other, so that a scalar that is
// nothing else holds that text and does not become a YAML structure.
func toJSON(r result) (result, *backend.Error) {
	switch r.typ {
	case typeNull:
		return textResult([]byte("null")), nil
	case typeJSON:
		var out bytes.Buffer
		if json.Compact(&out, r.text) == nil {
			return textResult(out.Bytes()), nil
		}
	case typeInt, typeFloat, typeBool, typeNumber:
		return textResult(r.text), nil
	}
	if !utf8.Valid(r.text) {
		return r, errBinary()
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(string(r.text)); err != nil {
		return r, backend.Errorf(backend.CodeInternal, "the value cannot be written as JSON")
	}
	return textResult(bytes.TrimSuffix(out.Bytes(), []byte("\n"))), nil
}

func errBinary() *backend.Error {
	return backend.Errorf(backend.CodeInvalid, "the value is binary, and the text of a file cannot hold it").WithHint("use | b64encode")
}

func toInt(r result) (result, *backend.Error) {
	s := strings.TrimSpace(string(r.bytes()))
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return result{typeInt, strconv.AppendInt(nil, n, 10)}, nil
	}
	if n, err := strconv.ParseUint(strings.TrimPrefix(s, "+"), 10, 64); err == nil {
		return result{typeInt, strconv.AppendUint(nil, n, 10)}, nil
	}
	return r, backend.Errorf(backend.CodeInvalid, "the value is not an integer of at most 64 bits").WithHint("leave out the filter int for text")
}

func toFloat(r result) (result, *backend.Error) {
	s := strings.TrimSpace(string(r.bytes()))
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsInf(f, 0) || math.IsNaN(f) || strings.ContainsAny(s, "xX_") {
		return r, backend.Errorf(backend.CodeInvalid, "the value is not a finite decimal number").WithHint("leave out the filter float for text")
	}
	// YAML 1.1 takes only what has a point for a float.
	mantissa, exponent, scientific := strings.Cut(strconv.FormatFloat(f, 'g', -1, 64), "e")
	if !strings.Contains(mantissa, ".") {
		mantissa += ".0"
	}
	if scientific {
		mantissa += "e" + exponent
	}
	return result{typeFloat, []byte(mantissa)}, nil
}

func toBool(r result) (result, *backend.Error) {
	switch strings.ToLower(strings.TrimSpace(string(r.bytes()))) {
	case "true", "yes", "on", "1":
		return result{typeBool, []byte("true")}, nil
	case "false", "no", "off", "0":
		return result{typeBool, []byte("false")}, nil
	}
	return r, backend.Errorf(backend.CodeInvalid, "the value is neither true nor false").
		WithHint("the filter bool knows true, yes, on, 1, false, no, off and 0")
}
