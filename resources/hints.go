// SPDX-License-Identifier: MPL-2.0

package resources

import (
	"errors"
	"slices"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// withTerraformHint replaces or extends the hint of an error whose next step is different in Terraform: creating an
// object that already exists, and deleting an object in use.
func withTerraformHint(err error, c backend.Change) error {
	switch {
	case errors.Is(err, backend.ErrExists) && c.Op == backend.OpCreate:
		e := *backend.AsError(err)
		return e.WithHint("import it: terraform import ADDRESS %q; or add a moved block if only its address changed; "+
			"or choose another name", entryImportID(c))
	case errors.Is(err, backend.ErrExists) && c.Rename != nil:
		e := *backend.AsError(err)
		return e.WithHint("if another resource of this configuration gives up the name in the same apply, set the argument " +
			"configuration of the provider, which every object must carry (managed_by); or apply again; or choose another name")
	case errors.Is(err, backend.ErrDenied) && backend.AsError(err).Attribute == "protected":
		e := *backend.AsError(err)
		if c.Kind == backend.KindSecret {
			return e.WithHint("set deletion_protection = false, and apply that first")
		}
		return e.WithHint("set protected = false, and apply that first")
	case errors.Is(err, backend.ErrInUse) && c.Op == backend.OpDelete:
		unmanaged := func(d backend.Dependent) bool { return d.ID != "" && d.ManagedBy == "" }
		if !slices.ContainsFunc(backend.AsError(err).Dependents, unmanaged) {
			return err
		}
		e := *backend.AsError(err)
		e.Hint += "; if Terraform does not manage a dependent yet, for example after an import, delete it in an " +
			"earlier apply"
		return &e
	}
	return err
}
