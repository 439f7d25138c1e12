// SPDX-License-Identifier: MPL-2.0

// Package resources holds the provider's resources, one per file with its schema, its model and the conversions between
// the model and the backend's objects and changes.
//
// Every resource is one object of the backend. managedResource implements the operations for all of them: it reads the
// object by its id, makes one change to create, update or delete it, and sends the same change as a dry run while
// Terraform plans. A resource receives a session with a Service, and does not know whether the Service is a folder or a
// server.
//
// To add an attribute, add it to the schema and the model of the resource, and to the model's methods set and change.
package resources

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/provider/planning"
	"github.com/pouncet/terraform-provider-pouncet/provider/session"
)

// objectResource is the part of every resource that does not depend on its schema.
type objectResource struct {
	kind        backend.Kind
	schemaNames map[string]string // attributes that the schema and the backend call by different names
	session     *session.Session
}

func (o *objectResource) Configure(
	_ context.Context, req resource.ConfigureRequest, resp *resource.ConfigureResponse,
) {
	o.session = session.From(req.ProviderData, &resp.Diagnostics)
}

// paths returns the paths of the schema's attributes by the backend's names, for errors that name an attribute.
func (o *objectResource) paths() session.Paths {
	names := []string{"name"}
	if o.kind == backend.KindProject {
		names = slices.AppendSeq(names, maps.Keys(policyAttributes()))
	} else {
		names = append(names, "project")
	}
	for _, a := range backend.AttributeTable {
		if len(a.Kinds) == 0 || slices.Contains(a.Kinds, o.kind) {
			names = append(names, a.Name)
		}
	}
	paths := session.RootPaths(names...)
	for name, schemaName := range o.schemaNames {
		paths[name] = path.Root(schemaName)
	}
	return paths
}

// readSeen returns what the provider has seen of the object in the state. It is an error if the object belongs to a
// backend that does not exist.
func (o *objectResource) readSeen(ctx context.Context, private privateReader, diags *diag.Diagnostics) seen {
	object := readPrivate[seen](ctx, private, seenKey, diags)
	if err := o.session.Expect(ctx, object.Deployment); err != nil {
		session.Report(diags, "Reading the "+o.kind.String(), err, nil)
	}
	return object
}

// readObject returns an object that the provider has seen before, as it sees it now, or false if it does not exist any
// more. The project that the object was last in says which snapshot to use. A backend of another deployment is an
// error: to Terraform, all its objects would seem to be deleted.
func (o *objectResource) readObject(
	ctx context.Context, project string, object seen, diags *diag.Diagnostics,
) (found backend.Object, now seen, exists bool) {
	action := "Reading the " + o.kind.String()
	page, err := o.session.Service.Query(ctx, backend.Query{Kind: o.kind, Project: project, ID: object.ID})
	if err == nil {
		err = session.CheckDeployment(object.Deployment, page.Deployment)
	}
	if err != nil {
		session.Report(diags, action, err, nil)
		return found, object, false
	}
	if len(page.Objects) == 0 {
		if o.kind == backend.KindProject {
			project = object.ID
		}
		if err := o.session.CheckSight(ctx, project); err != nil {
			session.Report(diags, action, err, nil)
		}
		return found, object, false
	}
	found = page.Objects[0]
	// An object that was set aside counts as deleted. An object that was displaced waits for its own name.
	return found, object.refreshed(found, page.Deployment), found.Held == "" || found.Held == backend.HeldDisplaced
}

// applyChange makes one change. The idempotency key lets the client repeat a request whose answer was lost.
func (o *objectResource) applyChange(ctx context.Context, c backend.Change) (backend.Outcome, error) {
	o.session.Plan.BeginApply()
	c.ManagedBy = &o.session.ManagedBy
	// Without a name, other configurations have the same owner: what they use must stay. See session.DeleteLater.
	c.SameOwner = o.session.Named
	out, err := o.session.Service.Apply(ctx, backend.ChangeSet{
		Changes: []backend.Change{c}, IdempotencyKey: rand.Text(),
	})
	switch {
	case err == nil && !o.session.Named:
		o.session.RenameTogether(ctx, nil)
		o.session.DeleteFreed(ctx)
	case errors.Is(err, backend.ErrExists) && c.Rename != nil && !o.session.Named:
		if outcome, done := o.session.RenameTogether(ctx, &c); done {
			return outcome, nil
		}
		if outcome, done := o.session.TakeName(ctx, c); done {
			return outcome, nil
		}
	}
	if err != nil {
		return backend.Outcome{}, err
	}
	return out[0], nil
}

// deletion returns the change that deletes an object.
func (o *objectResource) deletion(object seen) backend.Change {
	return backend.Change{Op: backend.OpDelete, Kind: o.kind, ID: object.ID, Incarnation: &object.Incarnation}
}

// expected returns the edition and the incarnation that an object must have, as far as the plan has seen them. What
// this apply itself did to the object does not count.
func (o *objectResource) expected(object seen) (edition, incarnation *int64) {
	if object.Edition == 0 {
		return nil, nil // the state is of an older provider, and was not refreshed
	}
	e := o.session.EditionAfterOwnWrites(object.ID, object.Edition)
	return &e, &object.Incarnation
}

// checkDeletion checks, while Terraform plans, the deletion of an object that a creation replaces. The name is the
// name of the object.
func (o *objectResource) checkDeletion(ctx context.Context, diags *diag.Diagnostics, object seen, name string) {
	if !o.session.Plan.Applying() {
		o.checkChange(ctx, diags, planning.Check{Change: o.deletion(object), Name: name})
	}
}

// checkChange checks a change while Terraform plans. The rules that the change breaks become errors of the plan, and
// the outcome is then nil. An attribute that the existing object cannot change is not an error: checkChange returns its
// path in replace, and Terraform replaces the object.
func (o *objectResource) checkChange(
	ctx context.Context, diags *diag.Diagnostics, check planning.Check,
) (outcome *backend.Outcome, replace path.Paths) {
	action := "Planning the " + o.kind.String()
	result, err := o.session.Plan.Check(ctx, check)
	if err != nil {
		session.Report(diags, action, err, o.paths())
		return nil, nil
	}
	for _, e := range result.Warnings {
		session.Warn(diags, action, e, o.paths())
	}
	if len(result.Errors) == 0 {
		o.warnOfLockout(ctx, diags, check)
	}
	for _, e := range result.Errors {
		switch {
		case e.Code == backend.CodeImmutable:
			return nil, path.Paths{o.paths()[e.Attribute]}
		case e.Code == backend.CodeNotFound && check.Change.Op == backend.OpDelete:
			// The object does not exist any more, which is what the plan wants.
		case e.Code == backend.CodeNotFound && e.Attribute == "project" && o.session.ProjectInBlock &&
			check.Change.Project == o.session.Project:
			// The provider block names a project that another provider block of the configuration may create.
			o.warnOfMissingProject(diags, check.Change)
		case result.Uncertain:
			session.Warn(diags, action, e, o.paths())
		default:
			var err error = e
			if !slices.Contains(result.Judged, e) {
				err = o.withTerraformHint(e, check.Change)
			}
			session.Report(diags, action, err, o.paths())
		}
	}
	if len(result.Errors) > 0 {
		return nil, nil
	}
	return &result.Outcome, nil
}

// planDefaultProject plans the provider's project for a resource that does not name one.
func (o *objectResource) planDefaultProject(
	ctx context.Context, req resource.ModifyPlanRequest, resp *resource.ModifyPlanResponse,
) {
	var configured types.String
	resp.Diagnostics.Append(req.Config.GetAttribute(ctx, path.Root("project"), &configured)...)
	switch {
	case resp.Diagnostics.HasError() || !configured.IsNull():
	case backend.IsID(o.session.Project): // the state has names, and so does a new plan
		resp.Diagnostics.AddError("The provider names its project by id", fmt.Sprintf("The %s has no project, so it is in "+
			"the project of the provider, %s. Resources need the name of their project.\n\nWrite the name of the project "+
			"into project of the provider block or into POUNCET_PROJECT: pouncet project list shows it.", o.kind,
			o.session.Project))
	default:
		resp.Diagnostics.Append(resp.Plan.SetAttribute(ctx, path.Root("project"), o.session.Project)...)
	}
}
