// SPDX-License-Identifier: MPL-2.0

package engine

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"math"
	"math/big"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// How the backend makes a value. A plain text is random. In a JSON value, the backend generates the fields that the
// schema marks with x-generate (see generators.go). The other fields come from the given value, or else from the
// current one.

const lettersAndDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

// defaultGenerated is the length of a generated value in characters, if nobody chooses one and the schema allows it.
const defaultGenerated = 32

// uuidBits is the entropy of a random UUID (RFC 9562, section 5.4).
const uuidBits = 122

// generatedValue is what a change generates.
type generatedValue struct {
	text []byte
	bits int // its entropy
	// undecided says that a dry run did not make the value, because it needs a key pair or the stored value.
	undecided bool
}

// generate returns the value that the present change generates. It stays the same when the call begins again.
func (r *run) generate(c backend.Change, e *entry, in secretType) (generatedValue, error) {
	if c.Value.Len() > 0 && !in.isJSON() {
		return generatedValue{}, backend.Errorf(backend.CodeInvalid, "secret %q is given both a value and generate",
			e.row.Name).WithHint("give one of the two").At("generate")
	}
	fields, err := r.generatorsOf(in)
	if err != nil {
		return generatedValue{}, err
	}
	if in.isJSON() {
		return r.generateJSON(c, e, in, fields)
	}
	g := *c.Generate
	if len(fields) > 0 {
		how := fields[0].how
		if how.UUID && (g.Length != 0 || g.Alphabet != "") {
			return generatedValue{}, errSchemaDecides(in)
		}
		if g.Length == 0 {
			g.Length = how.Length
		}
		if g.Alphabet == "" {
			g.Alphabet = how.Alphabet
		}
	}
	return r.once("text", in, func() (generatedValue, error) {
		if len(fields) > 0 && fields[0].how.UUID {
			id, err := newUUID()
			return generatedValue{text: []byte(id), bits: uuidBits}, err
		}
		return r.engine.generateText(g, in, r.checks.budget)
	})
}

// once returns what the present change generates under a name, and makes it at most once in a call.
func (r *run) once(name string, in secretType, draw func() (generatedValue, error)) (generatedValue, error) {
	key := keyOfCheck([]byte(name), []byte(strconv.Itoa(r.index)), in.attr.Schema)
	if v, drawn := r.checks.generated[key]; drawn {
		return v, nil
	}
	v, err := draw()
	if err == nil {
		r.checks.generated[key] = v
	}
	return v, err
}

func errSchemaDecides(in secretType) *backend.Error {
	return backend.Errorf(backend.CodeInvalid, "the schema of secret type %q says how its values are generated",
		in.row.Name).
		WithHint("leave out the length and the alphabet, or change x-generate in the schema").At("generate")
}

// generateJSON fills the marked fields of the given value, or of the current one.
func (r *run) generateJSON(c backend.Change, e *entry, in secretType, fields []generatedField) (generatedValue, error) {
	if len(fields) == 0 {
		return generatedValue{}, backend.Errorf(backend.CodeInvalid,
			"a value of secret type %q cannot be generated: its schema marks no field with x-generate", in.row.Name).
			WithHint(`mark a field, as {"type": "string", "x-generate": {"length": 40}}, or give a value`).At("generate")
	}
	if c.Generate.Length != 0 || c.Generate.Alphabet != "" {
		return generatedValue{}, errSchemaDecides(in)
	}
	document, undecided, err := r.generateInto(c, e, in, fields)
	if err != nil || undecided {
		return generatedValue{undecided: undecided}, err
	}
	bits := 0
	waits := false
	for i, f := range fields {
		v, err := r.generateField(i, f, in)
		switch {
		case errors.Is(err, errNotReady):
			waits = true // continue, so that all key pairs are made together
			continue
		case err != nil:
			return generatedValue{}, err
		case v.undecided:
			return v, nil
		}
		if document, err = setField(document, f.path, v.text, f.how.KeyPair != ""); err != nil {
			return generatedValue{}, backend.Errorf(backend.CodeInvalid, "field %s of the value of secret %q cannot be "+
				"generated: its parent is not a JSON object", backend.Quote(strings.Join(f.path, ".")), e.row.Name).
				WithHint("correct the value").At("value")
		}
		bits += v.bits
	}
	if waits {
		return generatedValue{}, errNotReady
	}
	return generatedValue{text: document, bits: bits}, nil
}

// generateInto returns the value whose marked fields are filled. It is undecided if the set only compares.
//
// A principal that may not have the current value cannot keep its other fields. The check against the schema would
// reveal something about these fields, and a schema that was made for the purpose could reveal all of them.
func (r *run) generateInto(
	c backend.Change, e *entry, in secretType, fields []generatedField,
) (value []byte, undecided bool, err error) {
	switch {
	case c.Value.Len() > e.in.policy.MaxValueBytes:
		return nil, false, tooLarge(e, c.Value.Len())
	case c.Value.Len() > 0:
		value = c.Value.Expose()
	case !e.exists, in.builtIn && len(fields[0].path) == 0: // a key pair has no other fields
		return []byte("{}"), false, nil
	case r.compareOnly():
		r.unchecked = "type"
		return nil, true, nil
	default:
		if err := r.checkKnown("generate", "the other fields of the value cannot be kept", e.in, e.before); err != nil {
			return nil, false, err
		}
		if value, err = r.valueBefore(e); err != nil {
			return nil, false, err
		}
	}
	if !isObject(value) || !json.Valid(value) {
		return nil, false, backend.Errorf(backend.CodeInvalid,
			"the value of secret %q is not a JSON object, so its fields cannot be generated", e.row.Name).
			WithHint("give a JSON object, or leave out generate").At("value")
	}
	return value, false, nil
}

// valueBefore returns the value of a secret before the change that is being made, which an earlier change of a dry run
// may have given.
func (r *run) valueBefore(e *entry) ([]byte, error) {
	if w, ok := r.written[e.before.ID]; ok && w.version == e.before.Version {
		return w.value, nil
	}
	v, err := r.version(e.before, "")
	if err != nil {
		return nil, err
	}
	return r.openForComparison(e.in, e.before, v)
}

// generateField makes one field: JSON text, or the members of a key pair.
func (r *run) generateField(index int, f generatedField, in secretType) (generatedValue, error) {
	if f.how.KeyPair != "" {
		return r.generateKeyPair(index, f, in)
	}
	return r.once("field "+strconv.Itoa(index), in, func() (generatedValue, error) {
		text, bits, err := f.how.text()
		if err != nil {
			return generatedValue{}, err
		}
		quoted, err := json.Marshal(text)
		return generatedValue{text: quoted, bits: bits}, err
	})
}

// text makes the text of a field.
func (g generator) text() (string, int, error) {
	if g.UUID {
		id, err := newUUID()
		return id, uuidBits, err
	}
	alphabet := g.Alphabet
	if alphabet == "" {
		alphabet = lettersAndDigits
	}
	return randomText(g.Length, []rune(alphabet))
}

func newUUID() (string, error) {
	id, err := uuid.NewRandomFromReader(rand.Reader)
	if err != nil {
		return "", backend.Errorf(backend.CodeInternal, "drawing random numbers: %w", err)
	}
	return id.String(), nil
}

// generateKeyPair makes a key pair outside the transaction, because an RSA key can take seconds. A dry run makes none.
func (r *run) generateKeyPair(index int, f generatedField, in secretType) (generatedValue, error) {
	if r.set.DryRun {
		if r.checks.planned++; r.checks.planned > maxKeyPairs {
			return generatedValue{}, r.errKeyPairs()
		}
		return generatedValue{undecided: true}, nil
	}
	key := keyOfCheck([]byte("key pair "+strconv.Itoa(index)), []byte(strconv.Itoa(r.index)), in.attr.Schema)
	if v, made := r.checks.generated[key]; made {
		return v, nil
	}
	err := r.checks.later(key, func() error {
		if r.checks.keyPairs++; r.checks.keyPairs > maxKeyPairs {
			return r.errKeyPairs()
		}
		members, err := newKeyPair(f.how.KeyPair)
		if err == nil {
			r.checks.generated[key] = generatedValue{text: members, bits: keyPairBits}
		}
		return err
	})
	return generatedValue{}, err
}

func (r *run) errKeyPairs() error {
	return backend.Errorf(backend.CodeTooLarge, "the call generates more than %d key pairs", maxKeyPairs).
		WithHint("%s", r.hintFewer()).At("generate")
}

var errNotObject = errors.New("not a JSON object")

// setField sets what a path of member names leads to in a JSON object, and creates the objects on the way. With merge,
// it sets the members of a JSON object and keeps the others.
func setField(object []byte, path []string, value json.RawMessage, merge bool) ([]byte, error) {
	members := map[string]json.RawMessage{}
	if len(object) > 0 {
		if !isObject(object) || json.Unmarshal(object, &members) != nil {
			return nil, errNotObject
		}
	}
	switch {
	case len(path) > 0:
		inner := value
		if len(path) > 1 || merge {
			var err error
			if inner, err = setField(members[path[0]], path[1:], value, merge); err != nil {
				return nil, err
			}
		}
		members[path[0]] = inner
	default: // the members of a key pair
		if err := json.Unmarshal(value, &members); err != nil {
			return nil, err
		}
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	err := enc.Encode(members)
	return bytes.TrimSpace(out.Bytes()), err
}

// hintGenerate adds to the error of a generated value that breaks its schema what to change.
func hintGenerate(err error, in secretType) error {
	e := *backend.AsError(err)
	if e.Attribute == "type" { // no value can be checked
		return err
	}
	if in.isJSON() {
		return e.WithHint("give the other fields that the schema requires as a value, or correct x-generate").At("generate")
	}
	return e.WithHint("choose an alphabet that the schema allows, or give a value").At("generate")
}

// generateText makes a random text. Each character is drawn independently and
// uniformly from the alphabet (crypto/rand.Int, by rejection). Without a length,
// it takes the default, or the nearest length that the schema of the type allows.
// It returns the entropy of the value in bits too, rounded down.
func (e *Engine) generateText(g backend.Generate, in secretType, b *budget) (generatedValue, error) {
	least, most, err := e.schemas.lengths(in, b)
	if err != nil {
		return generatedValue{}, err
	}
	if most < 0 {
		most = backend.MaxGeneratedLength
	}
	least, most = max(least, backend.MinGeneratedLength), min(most, backend.MaxGeneratedLength)
	if least > most {
		return generatedValue{}, backend.Errorf(backend.CodeInvalid,
			"a value of secret type %q cannot be generated: its schema allows no length from %d to %d characters", in.row.Name,
			backend.MinGeneratedLength, backend.MaxGeneratedLength).
			WithHint("give a value").At("generate")
	}
	if g.Length == 0 {
		g.Length = min(max(defaultGenerated, least), most)
	}
	if g.Alphabet == "" {
		g.Alphabet = lettersAndDigits
	}
	if g.Length < backend.MinGeneratedLength || g.Length > backend.MaxGeneratedLength {
		return generatedValue{}, backend.Errorf(backend.CodeInvalid, "a generated value of %d characters is not supported",
			g.Length).
			WithHint("choose a length from %d to %d", least, most).At("generate")
	}
	if err := backend.CheckAlphabet(g.Alphabet); err != nil {
		return generatedValue{}, err
	}
	if g.Length < least || g.Length > most {
		return generatedValue{}, backend.Errorf(backend.CodeInvalid,
			"a generated value of %d characters does not match the schema of secret type %q", g.Length, in.row.Name).
			WithHint("choose a length from %d to %d", least, most).At("generate")
	}
	text, bits, err := randomText(g.Length, []rune(g.Alphabet))
	return generatedValue{text: []byte(text), bits: bits}, err
}

// randomText draws each character independently and uniformly from the alphabet (crypto/rand.Int, by rejection). It
// returns the entropy of the text in bits too, rounded down.
func randomText(length int, alphabet []rune) (string, int, error) {
	out := make([]rune, length)
	size := big.NewInt(int64(len(alphabet)))
	for i := range out {
		n, err := rand.Int(rand.Reader, size)
		if err != nil {
			return "", 0, backend.Errorf(backend.CodeInternal, "drawing random numbers: %w", err)
		}
		out[i] = alphabet[n.Int64()]
	}
	return string(out), int(float64(length) * math.Log2(float64(len(alphabet)))), nil
}
