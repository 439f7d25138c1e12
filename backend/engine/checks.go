// SPDX-License-Identifier: MPL-2.0

package engine

import (
	"context"
	"crypto/sha256"
	"encoding/binary"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

const (
	// maxInsideSteps limits the steps of the checks inside one transaction. After that, further checks are put off. The
	// last check is finished, and can take maxValueSteps more.
	maxInsideSteps = 50_000
	// maxWaitingBytes limits the values that wait for a check.
	maxWaitingBytes = 16 << 20
)

// checks are the checks of schemas and values in one call. Checks can take long, and a transaction holds the lock for
// writing, so only some of them are made there. The others are noted, and do returns errNotReady for them. The caller
// then leaves the transaction, calls run and begins again. Each result is kept, so that equal checks are made once.
type checks struct {
	budget  *budget
	results map[checkKey]error
	waiting []waitingCheck
	bytes   int // of the values that wait
	inside  int // steps that checks in the present transaction may still take

	// generated holds the values that the changes of the call generate. They stay the same when the call begins again.
	generated map[checkKey]generatedValue
	keyPairs  int // how many of them are key pairs
	planned   int // key pairs that the present transaction would generate, if it is a dry run
	// generators holds the marked fields of schemas, by their text.
	generators map[string][]generatedField
}

type checkKey [sha256.Size]byte

type waitingCheck struct {
	key  checkKey
	make func() error
}

func newChecks() *checks {
	return &checks{budget: newBudget(), results: map[checkKey]error{}, generated: map[checkKey]generatedValue{},
		generators: map[string][]generatedField{}}
}

// begin prepares for another transaction.
func (c *checks) begin() { c.inside, c.waiting, c.bytes, c.planned = maxInsideSteps, nil, 0, 0 }

func keyOfCheck(parts ...[]byte) checkKey {
	h := sha256.New()
	for _, p := range parts {
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(p))))
		h.Write(p)
	}
	return checkKey(h.Sum(nil))
}

// do returns the result of a check of a value with some bytes, or errNotReady.
func (c *checks) do(key checkKey, bytes int, check func() error) error {
	if err, done := c.results[key]; done {
		return err
	}
	if c.inside > 0 {
		before := c.budget.left
		err := check()
		c.inside -= before - c.budget.left
		c.results[key] = err
		return err
	}
	if c.bytes < maxWaitingBytes { // the others are noted in a later transaction
		c.waiting, c.bytes = append(c.waiting, waitingCheck{key, check}), c.bytes+bytes
	}
	return errNotReady
}

// later returns the error of a job that never runs in a transaction, or errNotReady before it has run.
func (c *checks) later(key checkKey, job func() error) error {
	if err, done := c.results[key]; done {
		return err
	}
	c.waiting = append(c.waiting, waitingCheck{key, job})
	return errNotReady
}

// incomplete reports whether run has something to do.
func (c *checks) incomplete() bool { return len(c.waiting) > 0 }

// run makes the checks that wait, in the order in which they came, until ctx ends.
func (c *checks) run(ctx context.Context) error {
	for _, w := range c.waiting {
		if err := ctx.Err(); err != nil {
			return err
		}
		if _, done := c.results[w.key]; !done {
			c.results[w.key] = w.make()
		}
	}
	c.waiting, c.bytes = nil, 0
	return nil
}

// compile checks that a schema is valid. An earlier program has stored schemas that refer to themselves without end.
func (r *run) compile(typeName string, schema []byte, isNew bool) error {
	key := keyOfCheck([]byte("schema"), []byte(typeName), schema)
	if isNew {
		key = keyOfCheck([]byte("new schema"), []byte(typeName), schema)
	}
	return r.checks.do(key, len(schema), func() error {
		compiled, err := r.engine.schemas.compile(typeName, schema, r.checks.budget)
		if err == nil && isNew && compiled.endless {
			return backend.Errorf(backend.CodeInvalid, "the schema of secret type %q refers to itself without end", typeName).
				WithHint(`use such a "$ref" only for a part of the value, for example within "properties" or "items"`).
				At("schema")
		}
		return err
	})
}

// check validates a value against a type.
func (r *run) check(t secretType, value []byte) error {
	if t.row.ID == "" {
		return nil
	}
	return r.checks.do(keyOfCheck([]byte("value"), []byte(t.row.Name), t.attr.Schema, value), len(value), func() error {
		return r.engine.schemas.check(r.ctx, t, value, r.checks.budget)
	})
}
