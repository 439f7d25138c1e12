// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"errors"
	"io"
	"sync"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// opened holds the backends that a provider has opened.
type opened struct {
	mu       sync.Mutex
	backends []io.Closer
}

func (o *opened) add(b backend.Service) {
	if c, ok := b.(io.Closer); ok {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.backends = append(o.backends, c)
	}
}

func (o *opened) close() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	var errs []error
	for _, b := range o.backends {
		errs = append(errs, b.Close())
	}
	o.backends = nil
	return errors.Join(errs...)
}
