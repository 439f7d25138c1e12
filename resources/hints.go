// SPDX-License-Identifier: MPL-2.0

package resources

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// withTerraformHint replaces or extends the hint of an error whose next step is different in Terraform: creating an
// object that already exists, and deleting an object in use.
func (o *objectResource) withTerraformHint(err error, c backend.Change) error {
	switch {
	case errors.Is(err, backend.ErrExists) && c.Op == backend.OpCreate:
		e := *backend.AsError(err)
		return e.WithHint("import it: terraform import ADDRESS %q; or add a moved block if only its address changed; "+
			"or, if its managed_by is another configuration, run: pouncet configuration adopt; or choose another name",
			entryImportID(c))
	case errors.Is(err, backend.ErrExists) && c.Rename != nil:
		e := *backend.AsError(err)
		return e.WithHint("if another resource of this configuration gives up the name, apply without the rename first, " +
			"with the argument configuration of the provider, so that both objects carry it (managed_by); if an apply " +
			"stopped here, apply again; or choose another name")
	case errors.Is(err, backend.ErrDenied) && backend.AsError(err).Attribute == "protected":
		e := *backend.AsError(err)
		if c.Kind == backend.KindSecret {
			return e.WithHint("set deletion_protection = false, and apply that first")
		}
		return e.WithHint("set protected = false, and apply that first")
	case errors.Is(err, backend.ErrInUse) && c.Op == backend.OpDelete:
		return withDependentsHint(*backend.AsError(err), o.session.ManagedBy)
	}
	return err
}

// withDependentsHint extends the hint of an object in use with what helps if this configuration has a dependent that
// does not carry its mark.
func withDependentsHint(e backend.Error, owner string) *backend.Error {
	if slices.ContainsFunc(e.Dependents, func(d backend.Dependent) bool { return d.ID != "" && d.ManagedBy == "" }) {
		e.Hint += "; if Terraform does not manage a dependent yet, for example after an import, delete it in an " +
			"earlier apply"
	}
	name, named := configurationName(owner)
	for _, d := range e.Dependents {
		if other, ok := configurationName(d.ManagedBy); named && ok && other != name {
			e.Hint += fmt.Sprintf("; if %q is the name that this configuration had before, run: "+
				"pouncet configuration adopt %s --from %s", other, name, other)
			break
		}
	}
	return &e
}

// configurationName returns the name of the configuration that an owner contains, and whether it contains one.
func configurationName(owner string) (name string, named bool) {
	return strings.CutPrefix(owner, backend.ManagedByTerraform+":")
}
