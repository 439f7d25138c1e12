// SPDX-License-Identifier: MPL-2.0

package resources

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// withTerraformHint replaces the hint of an error whose next step is different in Terraform: creating an object that
// already exists or without a value, and deleting an object in use.
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
	case errors.Is(err, backend.ErrNotFound) && c.Op == backend.OpUpdate && backend.AsError(err).Attribute == "name":
		e := *backend.AsError(err)
		return e.WithHint("it was deleted outside Terraform; run terraform plan without -refresh=false")
	case errors.Is(err, backend.ErrNotFound) && (c.Op == backend.OpCreate && o.session.ProjectInBlock ||
		c.Op == backend.OpUpdate) && slices.Contains([]string{"environment", "type"}, backend.AsError(err).Attribute):
		e := *backend.AsError(err)
		if e.Hint != "" {
			e.Hint += "; "
		}
		return e.WithHint("%sif another provider block of this configuration creates or renames it, use one block for both, "+
			"or apply that first: terraform apply -target=ADDRESS", e.Hint)
	case errors.Is(err, backend.ErrNotFound) && c.Link != nil && backend.AsError(err).Attribute == "link":
		e := *backend.AsError(err)
		return e.WithHint("%s; if another provider block of this configuration creates, renames or deletes the secret, "+
			"use one block for both, or link to it in another apply", e.Hint)
	case errors.Is(err, backend.ErrDenied) && backend.AsError(err).Attribute == "protected":
		e := *backend.AsError(err)
		if c.Kind == backend.KindSecret {
			return e.WithHint("set deletion_protection = false, and apply that first")
		}
		return e.WithHint("set protected = false, and apply that first")
	case errors.Is(err, backend.ErrInUse) && c.Op == backend.OpDelete:
		e := *backend.AsError(err)
		return e.WithHint("%s", deletionHint(e.Dependents, c, o.session.ManagedBy))
	case errors.Is(err, backend.ErrInvalid) && c.Kind == backend.KindSecret && c.Op == backend.OpCreate &&
		backend.AsError(err).Attribute == "value" && c.Value.Len() == 0 && c.Generate == nil:
		e := *backend.AsError(err)
		return e.WithHint("set value_wo to a value that is not empty, or set generate = {}")
	}
	return err
}

// withReplacementHint replaces the hint of a deletion that fails, if a creation follows it: the object is tainted, or
// an option of Terraform replaces it. Terraform deletes it before it applies another change of the object.
func (o *objectResource) withReplacementHint(err error, c backend.Change, created place) error {
	const untaint = "if Terraform replaces it because it is tainted, run: terraform untaint ADDRESS; "
	err = o.withTerraformHint(err, c)
	switch {
	case created == (place{}):
	case errors.Is(err, backend.ErrDenied) && backend.AsError(err).Attribute == "protected":
		e := *backend.AsError(err)
		return e.WithHint("%sthen %s", untaint, e.Hint)
	case errors.Is(err, backend.ErrInUse):
		e := *backend.AsError(err)
		return e.WithHint("%sanother name is then a rename, and what uses it stays; or %s", untaint, e.Hint)
	}
	return err
}

// deletionHint says how a Terraform user can delete an object that has dependents: Terraform cannot force a deletion.
// It also says what helps if this configuration has a dependent that does not carry its mark, which is owner.
func deletionHint(dependents []backend.Dependent, c backend.Change, owner string) string {
	isObject := func(d backend.Dependent) bool { return d.ID != "" }
	hint := "remove or change the dependents in the same apply"
	if len(dependents) > 0 && !slices.ContainsFunc(dependents, isObject) {
		hint = "remove the references from these files and register the files again"
	}
	if c.Kind == backend.KindProject || c.Kind == backend.KindEnvironment || c.Kind == backend.KindSecretType {
		hint += "; if only the address of its resource changed, add a moved block"
	}
	hint += unmarkedHint(slices.DeleteFunc(slices.Clone(dependents), func(d backend.Dependent) bool {
		return !isObject(d) || d.ManagedBy == owner
	}), owner)
	switch {
	case c.Kind == backend.KindTrust && c.ID != "":
		return hint + "; or delete it outside Terraform, with its bindings: pouncet trust delete " + c.ID
	case c.Kind == backend.KindProject, c.Kind == backend.KindSecretType, c.Kind == backend.KindRole,
		c.Kind == backend.KindGroup, c.ID == "":
		return hint
	}
	return hint + "; or force it outside Terraform: pouncet " + c.Kind.Command() + " delete --force " + c.ID
}

// unmarkedHint says what helps if this configuration has dependents that do not carry its mark, or returns "". Only a
// configuration with a name marks an object that does not change.
func unmarkedHint(unmarked []backend.Dependent, owner string) string {
	name, named := configurationName(owner)
	is := func(mark string) bool {
		return slices.ContainsFunc(unmarked, func(d backend.Dependent) bool { return d.ManagedBy == mark })
	}
	switch {
	case !named && is(""):
		return "; if Terraform does not manage a dependent yet, for example after an import, delete it in an earlier apply"
	case !named || len(unmarked) == 0:
		return ""
	}
	hint := "; if this configuration has a dependent, apply without this deletion first, which sets its managed_by"
	if is(backend.ManagedByTerraform) {
		hint += fmt.Sprintf(", or run: pouncet configuration adopt %s --unnamed", name)
	}
	for _, d := range unmarked {
		if other, ok := configurationName(d.ManagedBy); ok {
			return hint + fmt.Sprintf("; if %q is the name that this configuration had before, run: "+
				"pouncet configuration adopt %s --from %s", other, name, other)
		}
	}
	return hint
}

// configurationName returns the name of the configuration that an owner contains, and whether it contains one.
func configurationName(owner string) (name string, named bool) {
	return strings.CutPrefix(owner, backend.ManagedByTerraform+":")
}
