// SPDX-License-Identifier: MPL-2.0

package jsonschema

import (
	"sync"
	"testing"
)

func TestMetaschemasAreCompiledByTheFirstSchemaOfTheirDraft(t *testing.T) {
	drafts := []*Draft{Draft4, Draft6, Draft7, Draft2019, Draft2020}
	for _, d := range drafts {
		if d.sch != nil {
			t.Errorf("%v is compiled before a schema needs it", d)
		}
	}
	for _, d := range drafts {
		compile := func(doc map[string]any) (*Schema, error) {
			c := NewCompiler()
			c.DefaultDraft(d)
			if err := c.AddResource("schema.json", doc); err != nil {
				return nil, err
			}
			return c.Compile("schema.json")
		}
		var wg sync.WaitGroup
		for range 4 { // the race detector watches
			wg.Go(func() {
				s, err := compile(map[string]any{"type": "object", "required": []any{"name"}})
				if err != nil {
					t.Errorf("%v: %v", d, err)
					return
				}
				if s.Validate(map[string]any{}) == nil || s.Validate(map[string]any{"name": 1}) != nil {
					t.Errorf("%v: the schema validates wrongly", d)
				}
				if _, err := compile(map[string]any{"type": "strng"}); err == nil {
					t.Errorf("%v: a schema that breaks the metaschema is accepted", d)
				}
				if _, err := compile(map[string]any{"$schema": d.url, "minLength": -1}); err == nil {
					t.Errorf("%v: a schema that names its draft and breaks the metaschema is accepted", d)
				}
			})
		}
		wg.Wait()
		if d.sch == nil {
			t.Errorf("%v is not compiled", d)
		}
	}
}
