// SPDX-License-Identifier: MPL-2.0

package reliability

import (
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// request is what a client asks for. It is about the secrets of one group, which it names by their index.
type request struct {
	group   int
	changes []change // of an Apply
	key     string   // the idempotency key of an Apply that the client may repeat; "" for one that it does not
	reads   []int    // of a Resolve
	version string   // of a Resolve: "" or backend.PreviousVersion
	list    bool     // a Query of reads[0] instead
}

// change is one change of a set.
type change struct {
	op     backend.Op
	secret int
	value  string
	expect int64 // -1 for no expectation
}

// answer is what a client was told.
type answer struct {
	unknown bool         // no definite answer: the set may have been applied, or will be
	refused backend.Code // the set was refused, and changed nothing
	results []result     // one for each change or read
}

// result is a part of an answer about one secret.
type result struct {
	found   bool // of a read
	action  backend.Action
	id      string
	version int64
	value   string
}

// history records calls. It is safe for concurrent use.
type history struct {
	began time.Time
	mu    sync.Mutex
	calls []porcupine.Operation
}

func newHistory() *history { return &history{began: time.Now()} }

// now is a point in time on the monotonic clock, so that a jump of the clock changes no order.
func (h *history) now() int64 { return int64(time.Since(h.began)) }

// add records a call that ends now. A call with an unknown answer ends never, and a read without an answer is left out.
func (h *history) add(client int, asked request, began int64, told answer) {
	ended := h.now()
	if told.unknown {
		if len(asked.changes) == 0 {
			return
		}
		ended = math.MaxInt64
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.calls = append(h.calls, porcupine.Operation{ClientId: client, Input: asked, Call: began, Output: told,
		Return: ended})
}

// count returns how many calls have a definite answer, and how many have none.
func (h *history) count() (known, unknown int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, c := range h.calls {
		if c.Output.(answer).unknown {
			unknown++
		} else {
			known++
		}
	}
	return known, unknown
}

// waitMore waits until so many more calls have a definite answer.
func (h *history) waitMore(t *testing.T, calls int) {
	t.Helper()
	before, _ := h.count()
	waitFor(t, clusterTime, func() error {
		if known, _ := h.count(); known < before+calls {
			return fmt.Errorf("%d calls were answered, want %d", known-before, calls)
		}
		return nil
	})
}

// acknowledged returns the values that were acknowledged as written, by the id and version of their secret.
func (h *history) acknowledged() map[result]string {
	out := map[result]string{}
	for _, c := range h.calls {
		asked, told := c.Input.(request), c.Output.(answer)
		if told.unknown || told.refused != "" {
			continue
		}
		for i, change := range asked.changes {
			if change.op != backend.OpDelete {
				out[result{id: told.results[i].id, version: told.results[i].version}] = change.value
			}
		}
	}
	return out
}

// checkTime limits the search for an order. It is long, because a test must not depend on a fast machine.
const checkTime = 5 * time.Minute

// check searches for an order of the calls.
func (h *history) check() (porcupine.CheckResult, porcupine.LinearizationInfo) {
	h.forgetKeys()
	return porcupine.CheckOperationsVerbose(groups, h.calls, checkTime)
}

// forgetKeys removes the keys that no other call has, so that the states of the model stay small.
func (h *history) forgetKeys() {
	uses := map[string]int{}
	for _, c := range h.calls {
		uses[c.Input.(request).key]++
	}
	for i := range h.calls {
		asked := h.calls[i].Input.(request)
		if uses[asked.key] == 1 {
			asked.key = ""
			h.calls[i].Input = asked
		}
	}
}

// wantLinearizable fails the test unless an order explains all answers. It writes a picture of the history.
func (h *history) wantLinearizable(t *testing.T) {
	t.Helper()
	found, info := h.check()
	known, unknown := h.count()
	t.Logf("checked %d calls; %d had no definite answer", known+unknown, unknown)
	if found == porcupine.Ok {
		return
	}
	picture := filepath.Join(t.ArtifactDir(), "history.html")
	if err := porcupine.VisualizePath(groups, info, picture); err != nil {
		t.Log(err)
	}
	t.Errorf("the history is not linearizable (%v); see %s with go test -artifacts\n%s", found, picture, h.stuck(info))
}

// stuck describes the calls around the first one of a group that no order explains.
func (h *history) stuck(info porcupine.LinearizationInfo) string {
	const shown = 12
	var out strings.Builder
	parts := groups.Partition(h.calls)
	for i, orders := range info.PartialLinearizationsOperations() {
		longest := slices.MaxFunc(append(orders, nil), func(a, b []porcupine.Operation) int { return len(a) - len(b) })
		if len(longest) == len(parts[i]) {
			continue
		}
		state := groups.Init()
		for _, c := range longest {
			_, state = groups.Step(state, c.Input, c.Output)
		}
		done := map[string]int{}
		for _, c := range longest {
			done[fmt.Sprint(c)]++
		}
		fmt.Fprintf(&out, "group %d: %d of %d calls have an order, which ends with %+v; next:\n",
			parts[i][0].Input.(request).group, len(longest), len(parts[i]), state)
		slices.SortFunc(parts[i], func(a, b porcupine.Operation) int { return int(a.Call/1000 - b.Call/1000) })
		n := 0
		for _, c := range parts[i] {
			if done[fmt.Sprint(c)]--; done[fmt.Sprint(c)] >= 0 {
				continue
			}
			if n++; n > shown {
				break
			}
			fmt.Fprintf(&out, "  %v to %v, client %d: %s\n", time.Duration(c.Call), time.Duration(c.Return), c.ClientId,
				describe(c.Input, c.Output))
		}
	}
	return out.String()
}

// describe shows a call in a picture and in a failure.
func describe(asked, told any) string {
	r, a := asked.(request), told.(answer)
	text := ""
	switch {
	case r.list:
		text = fmt.Sprintf("list %v", r.reads)
	case len(r.reads) > 0:
		text = fmt.Sprintf("get %v %s", r.reads, r.version)
	default:
		text = "apply " + r.key
		for _, c := range r.changes {
			text += fmt.Sprintf(" [%s %d %q", c.op, c.secret, c.value)
			if c.expect >= 0 {
				text += fmt.Sprintf(" at %d", c.expect)
			}
			text += "]"
		}
	}
	switch {
	case a.unknown:
		return text + ": unknown"
	case a.refused != "":
		return text + ": " + string(a.refused)
	}
	return fmt.Sprintf("%s: %+v", text, a.results)
}

// wantAcknowledged reads each acknowledged version by its number. Secrets that were deleted since do not count: the
// order of the calls explains them.
func (h *history) wantAcknowledged(t *testing.T, service backend.Service) {
	t.Helper()
	existing := existingSecrets(t, service)
	var refs []backend.Ref
	var want []string
	for written, value := range h.acknowledged() {
		if name, ok := existing[written.id]; ok {
			refs, want = append(refs, ref(name, fmt.Sprint(written.version))), append(want, value)
		}
	}
	lost := 0
	for start := 0; start < len(refs); start += 500 {
		end := min(start+500, len(refs))
		out, err := service.Resolve(t.Context(), refs[start:end])
		if err != nil {
			t.Fatal(err)
		}
		for i, r := range out {
			if r.Err != nil || string(r.Value.Expose()) != want[start+i] {
				lost++
			}
		}
	}
	t.Logf("%d acknowledged writes of existing secrets, %d lost", len(refs), lost)
	if lost > 0 || len(refs) == 0 {
		t.Errorf("%d of %d acknowledged writes are lost", lost, len(refs))
	}
}

// existingSecrets returns the names of all secrets, by their ids.
func existingSecrets(t *testing.T, service backend.Service) map[string]string {
	t.Helper()
	out := map[string]string{}
	q := backend.Query{Kind: backend.KindSecret, Project: backend.DefaultProject, Environment: environment}
	for {
		page, err := service.Query(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range page.Objects {
			out[o.ID] = o.Name
		}
		if q.Cursor = page.Next; q.Cursor == "" {
			return out
		}
	}
}
