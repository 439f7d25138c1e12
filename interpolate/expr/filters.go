// SPDX-License-Identifier: MPL-2.0

package expr

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// filterDefault is the only filter that sees a missing entry, so the evaluator applies it itself.
const filterDefault = "default"

// filterBase64 is the filter that writes base64.
const filterBase64 = "b64encode"

// filters are the other filters. Their errors never repeat a value.
var filters = map[string]func(result) (result, *backend.Error){
	"trim":      func(r result) (result, *backend.Error) { return textResult(bytes.TrimSpace(r.bytes())), nil },
	"urlencode": func(r result) (result, *backend.Error) { return textResult(urlEncode(r.bytes())), nil },
	filterBase64: func(r result) (result, *backend.Error) {
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

func textResult(b []byte) result { return result{Text, b} }

// bytes returns the result as text.
func (r result) bytes() []byte {
	if r.typ == Null {
		return []byte(NoneText)
	}
	return r.text
}

// unreserved are the characters that need no percent encoding (RFC 3986, section 2.3). The slash is not one of them:
// in a password, it would end the authority of a connection string.
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

// b64decode accepts the standard alphabet and the one for URLs, with or without padding, on one or more lines.
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
		return r, backend.Errorf(backend.CodeInvalid, "the value is not valid base64").
			WithHint("remove the filter b64decode")
	}
	return textResult(out), nil
}

// toJSON writes the value as JSON text, for use inside a JSON document. The result is text: a YAML scalar that
// consists of it holds that text, and does not become a structure.
func toJSON(r result) (result, *backend.Error) {
	switch r.typ {
	case Null:
		return textResult([]byte("null")), nil
	case JSON:
		var out bytes.Buffer
		if json.Compact(&out, r.text) == nil {
			return textResult(out.Bytes()), nil
		}
	case Int, Float, Bool, Number:
		return textResult(r.text), nil
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
	return backend.Errorf(backend.CodeInvalid, "the value is binary, and a text file cannot hold it").
		WithHint("encode the value with | b64encode")
}

func toInt(r result) (result, *backend.Error) {
	s := strings.TrimSpace(string(r.bytes()))
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return result{Int, strconv.AppendInt(nil, n, 10)}, nil
	}
	if n, err := strconv.ParseUint(strings.TrimPrefix(s, "+"), 10, 64); err == nil {
		return result{Int, strconv.AppendUint(nil, n, 10)}, nil
	}
	return r, backend.Errorf(backend.CodeInvalid, "the value is not a valid integer of at most 64 bits").
		WithHint("remove the filter int to write the value as text")
}

func toFloat(r result) (result, *backend.Error) {
	s := strings.TrimSpace(string(r.bytes()))
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsInf(f, 0) || math.IsNaN(f) || strings.ContainsAny(s, "xX_") {
		return r, backend.Errorf(backend.CodeInvalid, "the value is not a valid decimal number").
			WithHint("remove the filter float to write the value as text")
	}
	// YAML 1.1 reads a number as a float only if it has a decimal point.
	mantissa, exponent, scientific := strings.Cut(strconv.FormatFloat(f, 'g', -1, 64), "e")
	if !strings.Contains(mantissa, ".") {
		mantissa += ".0"
	}
	if scientific {
		mantissa += "e" + exponent
	}
	return result{Float, []byte(mantissa)}, nil
}

func toBool(r result) (result, *backend.Error) {
	switch strings.ToLower(strings.TrimSpace(string(r.bytes()))) {
	case "true", "yes", "on", "1":
		return result{Bool, []byte("true")}, nil
	case "false", "no", "off", "0":
		return result{Bool, []byte("false")}, nil
	}
	return r, backend.Errorf(backend.CodeInvalid, "the value is not a valid boolean").
		WithHint("use one of true, yes, on, 1, false, no, off, 0")
}
