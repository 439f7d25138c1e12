// SPDX-License-Identifier: MPL-2.0

package httpapi

import (
	"context"
	"path/filepath"
	"slices"
	"strings"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// Places are the folders of a server. An error that leaves the server names a file in them without its folder, because
// callers need not know where a server keeps its data. A nil Places hides nothing.
type Places struct {
	folders []string
	report  func(error)
}

// NewPlaces returns the places of some folders. report gets each error as it was, if a folder in it was hidden.
func NewPlaces(report func(error), folders ...string) *Places {
	p := &Places{report: report}
	for _, f := range folders {
		if f = filepath.Clean(f); filepath.IsAbs(f) && f != filepath.Dir(f) {
			p.folders = append(p.folders, f)
		}
	}
	slices.SortFunc(p.folders, func(a, b string) int { return len(b) - len(a) }) // one can be in another
	return p
}

// Hide returns the error of a call without the folders.
func (p *Places) Hide(err error) error {
	hidden, changed := p.hide(err)
	if changed {
		p.report(err)
	}
	return hidden
}

// HideProblem returns a problem of the server without the folders. It reports nothing: the server has logged it.
func (p *Places) HideProblem(problem error) error {
	hidden, _ := p.hide(problem)
	return hidden
}

func (p *Places) hide(err error) (hidden error, changed bool) {
	if p == nil || err == nil {
		return err, false
	}
	was := backend.AsError(err)
	e := *was
	e.Message, e.Hint = p.without(e.Message), p.without(e.Hint)
	if e.Message == was.Message && e.Hint == was.Hint {
		return err, false
	}
	return &e, true
}

func (p *Places) without(text string) string {
	for _, f := range p.folders {
		text = strings.ReplaceAll(text, f+string(filepath.Separator), "")
		if before, after, ok := strings.Cut(text, f); ok && (after == "" || strings.ContainsAny(after[:1], " :,;)\"'")) {
			text = before + filepath.Base(f) + after
		}
	}
	return text
}

// hideIn hides the folders in an error that is part of an answer.
func (p *Places) hideIn(e **backend.Error) {
	if *e != nil {
		*e = backend.AsError(p.Hide(*e))
	}
}

// Service returns the service with errors that name no folder.
func (p *Places) Service(next backend.Service) backend.Service {
	if p == nil {
		return next
	}
	return placeless{next, p}
}

// authenticate returns a function whose errors name no folder.
func (p *Places) authenticate(next Authenticate) Authenticate {
	return func(ctx context.Context, token string) (backend.Principal, error) {
		who, err := next(ctx, token)
		return who, p.Hide(err)
	}
}

type placeless struct {
	next   backend.Service
	places *Places
}

var _ backend.Service = placeless{}

// Query implements backend.Service.
func (s placeless) Query(ctx context.Context, q backend.Query) (backend.Page, error) {
	page, err := s.next.Query(ctx, q)
	return page, s.places.Hide(err)
}

// Resolve implements backend.Service.
func (s placeless) Resolve(ctx context.Context, refs []backend.Ref) ([]backend.Resolution, error) {
	out, err := s.next.Resolve(ctx, refs)
	for i := range out {
		s.places.hideIn(&out[i].Err)
	}
	return out, s.places.Hide(err)
}

// Apply implements backend.Service.
func (s placeless) Apply(ctx context.Context, set backend.ChangeSet) ([]backend.Outcome, error) {
	out, err := s.next.Apply(ctx, set)
	for i := range out {
		s.places.hideIn(&out[i].Err)
	}
	return out, s.places.Hide(err)
}
