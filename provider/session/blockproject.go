// SPDX-License-Identifier: MPL-2.0

package session

import (
	"context"
	"errors"
	"sync"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// blockProject is whether the project of the provider block is missing, as the first read has found it.
type blockProject struct {
	once    sync.Once
	missing bool
}

// LacksBlockProject reports whether the provider block names a project that does not exist. The same plan may create
// it, or rename another one to it: another provider block has the resource of the project, and nothing says which.
func (s *Session) LacksBlockProject(ctx context.Context) bool {
	if !s.ProjectInBlock {
		return false
	}
	s.blockProject.once.Do(func() {
		page, err := s.Service.Query(ctx, backend.Query{Kind: backend.KindProject, Name: s.Project})
		s.blockProject.missing = err == nil && len(page.Objects) == 0 || errors.Is(err, backend.ErrNotFound)
	})
	return s.blockProject.missing
}
