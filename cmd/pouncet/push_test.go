// SPDX-License-Identifier: MPL-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/open/opentest"
)

// overtaken is a backend in which another caller makes a change just before the next one.
type overtaken struct {
	backend.Service
	first *backend.Change
}

func (s *overtaken) Apply(ctx context.Context, set backend.ChangeSet) ([]backend.Outcome, error) {
	if s.first != nil {
		first := backend.ChangeSet{Changes: []backend.Change{*s.first}}
		s.first = nil
		if _, err := s.Service.Apply(ctx, first); err != nil {
			return nil, err
		}
	}
	return s.Service.Apply(ctx, set)
}

// A push that creates an object which another caller has created meanwhile never asks for its deletion.
func TestPushSaysThatAnObjectWasCreatedMeanwhile(t *testing.T) {
	s := &overtaken{Service: opentest.Open(t)}
	ctx := t.Context()
	if _, err := s.Apply(ctx, backend.ChangeSet{Changes: []backend.Change{
		{Op: backend.OpCreate, Kind: backend.KindProject, Name: "shop"},
		{Op: backend.OpCreate, Kind: backend.KindEnvironment, Project: "shop", Name: "dev"},
	}}); err != nil && !errors.Is(err, backend.ErrExists) {
		t.Fatal(err)
	}
	folder := t.TempDir()
	for name, text := range map[string]string{
		"project.yaml": "project: shop\n",
		"environments/dev.yaml": "environment: dev\nsecrets:\n  new:\n    generate:\n      length: 20\n" +
			"  other:\n    generate:\n      length: 20\n",
	} {
		path := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	a := &app{project: "shop", out: &output{to: &bytes.Buffer{}}, err: &bytes.Buffer{}}
	p, err := a.openProjectFolder(ctx, s, folder, false)
	if err != nil {
		t.Fatal(err)
	}
	defer p.close()
	s.first = &backend.Change{Op: backend.OpCreate, Kind: backend.KindSecret, Project: "shop", Environment: "dev",
		Name: "new", Value: backend.NewPlaintext([]byte("CANARY"))}
	err = a.push(ctx, s, p, pushFlags{yes: true})
	var e *backend.Error
	if !errors.As(err, &e) || e.Code != backend.CodeConflict || !strings.Contains(e.Message, "dev.yaml:3: ") ||
		!strings.Contains(e.Message, `secret "new" was created in the backend since it was compared`) ||
		!strings.Contains(e.Hint, "push again") || strings.Contains(e.Hint, "delete") {
		t.Fatalf("error %v; hint %q", err, e.Hint)
	}
}
