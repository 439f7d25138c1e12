package session

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// linked refuses to delete a secret unless the value of the same number is
// deleted before it in the same set.
type linked struct{ backend.Service }

func (linked) Apply(_ context.Context, set backend.ChangeSet) ([]backend.Outcome, error) {
	gone := map[string]bool{}
	out := make([]backend.Outcome, len(set.Changes))
	for i, c := range set.Changes {
		out[i].Action = backend.ActionDelete
		if user := "v" + strings.TrimPrefix(c.ID, "s"); c.Kind == backend.KindSecret && !gone[user] {
			out[i].Err = backend.Errorf(backend.CodeInUse, "%s is in use by %s", c.ID, user)
		}
		gone[c.ID] = true
	}
	return out, nil
}

// TestQuestionsLeftAreAnswered has more secrets in use than may wait. Those that
// wait are cured; of those that left their question some are not, which must be told.
func TestQuestionsLeftAreAnswered(t *testing.T) {
	a := newActivity()
	p := newPlan(linked{}, a)
	ask := func(kind backend.Kind, id string) []*backend.Error {
		defer p.Working()()
		v, err := p.Ask(context.Background(), backend.Change{Op: backend.OpDelete, Kind: kind, ID: id})
		if err != nil {
			t.Error(err)
		}
		return v.Broken
	}
	var mu sync.Mutex
	var broken []string
	var wg sync.WaitGroup
	slots := make(chan struct{}, 10) // as Terraform has them
	plan := func(kind backend.Kind, id string) {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			for _, e := range ask(kind, id) {
				mu.Lock()
				broken = append(broken, e.Message)
				mu.Unlock()
			}
		})
	}
	for i := range 20 {
		plan(backend.KindSecret, fmt.Sprint("s", i))
	}
	for i := range 18 { // the users of s18 and s19 stay
		plan(backend.KindValue, fmt.Sprint("v", i))
	}
	wg.Wait()
	told := strings.Join(broken, "\n")
	if len(broken) != 2 || !strings.Contains(told, "s18 ") || !strings.Contains(told, "s19 ") {
		t.Errorf("told:\n%s\nwant s18 and s19, each once", told)
	}
}
