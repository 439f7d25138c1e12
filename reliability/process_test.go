// SPDX-License-Identifier: MPL-2.0

package reliability

import (
	"context"
	"sync"
	"testing"
	"time"
)

// output keeps the end of the output of a program.
type output struct {
	mu   sync.Mutex
	text []byte
}

const outputSize = 1 << 20

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.text = append(o.text, b...)
	o.text = o.text[max(0, len(o.text)-outputSize):]
	return len(b), nil
}

func (o *output) last() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return string(o.text)
}

// clusterTime limits how long the nodes may take to start or to recover.
const clusterTime = 3 * time.Minute

// waitFor calls f until it returns nil.
func waitFor(t *testing.T, most time.Duration, f func() error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), most)
	defer cancel()
	for {
		err := f()
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("after %s: %v", most, err)
		case <-time.After(100 * time.Millisecond):
		}
	}
}
