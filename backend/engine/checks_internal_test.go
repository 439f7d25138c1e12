// SPDX-License-Identifier: MPL-2.0

package engine

import (
	"context"
	"errors"
	"strconv"
	"testing"
)

func TestFewChecksAreMadeInATransaction(t *testing.T) {
	const steps, n = 10_000, 100
	c := newChecks()
	made, odd := 0, errors.New("odd")
	all := func() (ready, refused int) {
		for i := range n {
			err := c.do(keyOfCheck([]byte(strconv.Itoa(i))), 1, func() error {
				made++
				c.budget.left -= steps
				if i%2 == 1 {
					return odd
				}
				return nil
			})
			switch {
			case errors.Is(err, errNotReady):
				continue
			case (err != nil) != (i%2 == 1):
				t.Errorf("check %d has the result of another one: %v", i, err)
			case err != nil:
				refused++
			}
			ready++
		}
		return ready, refused
	}
	c.begin()
	if ready, _ := all(); ready != maxInsideSteps/steps || made != ready || !c.incomplete() {
		t.Errorf("%d of %d checks are made in the first transaction, of which %d are ready", made, n, ready)
	}
	if err := c.run(context.Background()); err != nil || c.incomplete() {
		t.Fatalf("the checks outside: %v", err)
	}
	c.begin()
	if ready, refused := all(); ready != n || refused != n/2 || made != n {
		t.Errorf("%d results are ready afterwards, %d of them refusals, after %d checks", ready, refused, made)
	}

	// Only some bytes wait at a time.
	c = newChecks()
	waiting := func() int {
		c.inside = 0
		for i := range n {
			_ = c.do(keyOfCheck([]byte(strconv.Itoa(i))), (maxWaitingBytes+9)/10, func() error { return nil })
		}
		return len(c.waiting)
	}
	for done := 0; done < n; done += 10 {
		if got := waiting(); got != 10 {
			t.Fatalf("%d checks wait, want 10", got)
		}
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		if err := c.run(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("checks of an ended call: %v", err)
		}
		if err := c.run(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	if got := waiting(); got != 0 {
		t.Errorf("%d checks wait in the end", got)
	}
}
