// SPDX-License-Identifier: MPL-2.0

package resources

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/terraform-plugin-framework-timeouts/resource/timeouts"
	"github.com/hashicorp/terraform-plugin-framework/attr"
	"github.com/hashicorp/terraform-plugin-framework/diag"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/resource"
	"github.com/hashicorp/terraform-plugin-framework/resource/identityschema"
	"github.com/hashicorp/terraform-plugin-framework/tfsdk"
	"github.com/hashicorp/terraform-plugin-framework/types"
	"github.com/hashicorp/terraform-plugin-go/tftypes"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/provider/session"
)

// model is a pointer to the struct M that holds the attributes of a resource.
type model[M any] interface {
	*M
	// id returns the id of the object, or "" before the object is created.
	id() string
	// complete reports whether everything is known that a dry run needs.
	complete(configured *M) bool
	// change returns the change that turns before into this model. If before has no id, the change creates the object.
	// Write-only arguments are in configured only.
	change(ctx context.Context, before, configured *M, diags *diag.Diagnostics) backend.Change
	// set copies the attributes of an object of the backend into the model.
	set(ctx context.Context, o backend.Object, diags *diag.Diagnostics)
	operationTimeouts() timeouts.Value
}

// dryRunModel is a model whose dry run in a plan is another change than the one that the apply makes.
type dryRunModel[M any] interface {
	dryRunChange(ctx context.Context, before, configured *M, diags *diag.Diagnostics) backend.Change
}

// managedResource implements planning, reading, creating, updating and deleting for a resource with model M.
type managedResource[M any, P model[M]] struct {
	objectResource
	inProject bool // the resource has a project attribute, with a default
	// fixed are attributes that an existing object cannot change, beside its project and environment.
	fixed []string
	// incompleteProject, if set, returns the name of the project whose rules a plan cannot check, because the resource
	// has values that are not known yet. It returns "" if all of them are known.
	incompleteProject func(plan *M) string
	// meansOthers, if set, returns attributes whose text stays while the update would change what they mean. Terraform
	// makes no update then, so the object is replaced.
	meansOthers func(m *modelStates[M], outcome backend.Outcome) path.Paths
	// adjustPlan, if set, adjusts the plan to the outcome of the dry run. The outcome is nil if no dry run was
	// possible.
	adjustPlan func(
		ctx context.Context, m modelStates[M], outcome *backend.Outcome, resp *resource.ModifyPlanResponse)
}

// newManaged returns the operations of a resource with model M.
func newManaged[M any, P model[M]]() managedResource[M, P] { return managedResource[M, P]{} }

func (r *managedResource[M, P]) Create(
	ctx context.Context, req resource.CreateRequest, resp *resource.CreateResponse,
) {
	var before, plan, configured M
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	resp.Diagnostics.Append(req.Config.Get(ctx, &configured)...)
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := withTimeout(ctx, P(&plan).operationTimeouts().Create, &resp.Diagnostics)
	defer cancel()
	c := P(&plan).change(ctx, &before, &configured, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	var out backend.Outcome
	err := r.session.CreateBackend(ctx)
	if err == nil {
		out, err = r.applyChange(ctx, c)
	}
	if err != nil {
		session.Report(&resp.Diagnostics, "Creating the "+r.kind.String(), r.withTerraformHint(err, c), r.paths())
		return
	}
	P(&plan).set(ctx, out.Object, &resp.Diagnostics)
	resp.Diagnostics.Append(resp.State.Set(ctx, &plan)...)
	created := seen{Deployment: r.session.Deployment(ctx)}.written(out.Object)
	writePrivate(ctx, resp.Private, seenKey, created, &resp.Diagnostics)
	setIdentity(ctx, resp.Identity, out.Object.ID, &resp.Diagnostics)
	warnOfSameValue(out, &resp.Diagnostics)
}

func (r *managedResource[M, P]) Read(ctx context.Context, req resource.ReadRequest, resp *resource.ReadResponse) {
	var state M
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := withTimeout(ctx, P(&state).operationTimeouts().Read, &resp.Diagnostics)
	defer cancel()
	var project types.String
	if r.inProject {
		resp.Diagnostics.Append(req.State.GetAttribute(ctx, path.Root("project"), &project)...)
	}
	object := r.readSeen(ctx, req.Private, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	object.ID = P(&state).id()
	o, now, exists := r.readObject(ctx, project.ValueString(), object, &resp.Diagnostics)
	switch {
	case resp.Diagnostics.HasError():
	case !exists || now.Incarnation < o.Incarnation: // another resource has taken the object over
		// The framework demands an identity even for a resource that leaves the state.
		setIdentity(ctx, resp.Identity, P(&state).id(), &resp.Diagnostics)
		resp.State.RemoveResource(ctx)
	default:
		r.session.Plan.Know(o.ID)
		if r.inProject && o.Project != r.session.Project && r.session.LacksBlockProject(ctx) {
			now.MissingProject = r.session.Project
		}
		P(&state).set(ctx, o, &resp.Diagnostics)
		resp.Diagnostics.Append(resp.State.Set(ctx, &state)...)
		writePrivate(ctx, resp.Private, seenKey, now, &resp.Diagnostics)
		setIdentity(ctx, resp.Identity, o.ID, &resp.Diagnostics)
	}
}

func (r *managedResource[M, P]) Update(
	ctx context.Context, req resource.UpdateRequest, resp *resource.UpdateResponse,
) {
	var before, plan, configured M
	resp.Diagnostics.Append(req.State.Get(ctx, &before)...)
	resp.Diagnostics.Append(req.Plan.Get(ctx, &plan)...)
	resp.Diagnostics.Append(req.Config.Get(ctx, &configured)...)
	object := r.readSeen(ctx, req.Private, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := withTimeout(ctx, P(&plan).operationTimeouts().Update, &resp.Diagnostics)
	defer cancel()
	c := P(&plan).change(ctx, &before, &configured, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	c.Edition, c.Incarnation = r.expected(object)
	out, err := r.applyChange(ctx, c)
	if err != nil {
		err = r.explainAnotherProject(r.explainConflict(ctx, err, &before, &plan), object, c)
		session.Report(&resp.Diagnostics, "Updating the "+r.kind.String(), r.withTerraformHint(err, c), r.paths())
		return
	}
	P(&plan).set(ctx, out.Object, &resp.Diagnostics)
	resp.Diagnostics.Append(resp.State.Set(ctx, &plan)...)
	writePrivate(ctx, resp.Private, seenKey, object.written(out.Object), &resp.Diagnostics)
	setIdentity(ctx, resp.Identity, out.Object.ID, &resp.Diagnostics)
	warnOfSameValue(out, &resp.Diagnostics)
}

func (r *managedResource[M, P]) Delete(
	ctx context.Context, req resource.DeleteRequest, resp *resource.DeleteResponse,
) {
	var state M
	resp.Diagnostics.Append(req.State.Get(ctx, &state)...)
	object := r.readSeen(ctx, req.Private, &resp.Diagnostics)
	created := readPrivate[place](ctx, req.Private, replacementKey, &resp.Diagnostics)
	if resp.Diagnostics.HasError() {
		return
	}
	ctx, cancel := withTimeout(ctx, P(&state).operationTimeouts().Delete, &resp.Diagnostics)
	defer cancel()
	object.ID = P(&state).id()
	c := r.deletion(object)
	c.Edition, c.Incarnation = r.expected(object)
	switch before := r.placeNow(ctx, &state, created); {
	case created == (place{}):
	case created == before:
		c.CreationFollows = true
		// The replacement takes the place at once, for those who use it too.
		c.Force = r.kind == backend.KindSecret || r.kind == backend.KindScopedValue
	case r.kind == backend.KindSecret:
		// A new link to the name waits for the replacement, wherever in the project that comes.
		c.CreationFollows = created.Project == before.Project && created.Name == before.Name
	}
	out, err := r.applyChange(ctx, c)
	switch {
	case errors.Is(err, backend.ErrNotFound): // which is what the plan wants
	case err != nil && r.session.DeleteLater(ctx, c, err):
		e := *backend.AsError(err)
		session.Warn(&resp.Diagnostics, "Deleting the "+r.kind.String(), e.WithHint(
			"this apply deletes it when it is no longer in use; if another configuration uses it, it stays, and is in no "+
				"state; set the argument configuration of the provider, so that the provider can tell"), nil)
	case err != nil:
		err = r.explainConflict(ctx, err, &state, &state)
		session.Report(&resp.Diagnostics, "Deleting the "+r.kind.String(), r.withReplacementHint(err, c, created), nil)
	default:
		warnOfContents(out, &resp.Diagnostics)
	}
}

// warnOfContents warns of a deleted project or environment that still has contents. If Terraform knows of them by a
// reference, it has deleted them before. Otherwise they may go later in the same apply, or they are in no state: the
// provider cannot tell, because Terraform does not say what else it deletes.
func warnOfContents(out backend.Outcome, diags *diag.Diagnostics) {
	o := out.Object
	if len(out.Dependents) == 0 || o.Kind != backend.KindEnvironment && o.Kind != backend.KindProject {
		return
	}
	users := make([]string, len(out.Dependents))
	for i, d := range out.Dependents {
		users[i] = backend.PrintableLine(d.Label)
	}
	diags.AddWarning("The "+o.Kind.String()+" still has contents", fmt.Sprintf(
		"%s %s is deleted when the last of its contents is, but it still has %s.\n\n"+
			"If this apply deletes them, no action is necessary. Otherwise they are in no state, for example because of a "+
			"removed block or of terraform state rm, and nobody deletes them. To keep them, run: pouncet %s restore %s",
		strings.ToUpper(o.Kind.String()[:1])+o.Kind.String()[1:], backend.Quote(o.Name), backend.Enumerate(users),
		o.Kind.Command(), o.ID))
}

// warnOfSameValue names the other secrets that have the value of a secret, if the policy of its project notes them.
func warnOfSameValue(out backend.Outcome, diags *diag.Diagnostics) {
	if len(out.SameValue) == 0 {
		return
	}
	others := make([]string, len(out.SameValue))
	for i, other := range out.SameValue {
		others[i] = backend.PrintableLine(other)
	}
	diags.AddWarning("The value is not unique", fmt.Sprintf("Secret %s has the same value as %s. "+
		"If that is not intended, give each secret its own value.", backend.Quote(out.Object.Name),
		backend.Enumerate(others)))
}

// explainConflict names the attributes that somebody changed after the plan, if that is what err means. It leaves out
// those that are as planned, because another step of the same apply may have changed them: a link follows a rename.
func (r *managedResource[M, P]) explainConflict(ctx context.Context, err error, before, planned *M) error {
	if !errors.Is(err, backend.ErrConflict) {
		return err
	}
	var ignored diag.Diagnostics
	o, _, exists := r.readObject(ctx, "", seen{ID: P(before).id()}, &ignored)
	if !exists || ignored.HasError() {
		return err
	}
	if o.Held != "" {
		o.Name = o.Was // this apply has moved it out of the way: nobody has renamed it
	}
	now := *before
	P(&now).set(ctx, o, &ignored)
	unplanned := differences(planned, &now)
	changed := slices.DeleteFunc(differences(before, &now), func(name string) bool {
		return !slices.Contains(unplanned, name) || name == "revision" // it counts the others
	})
	if len(changed) == 0 {
		return err
	}
	return backend.Errorf(backend.CodeConflict, "%s %s was changed after the plan: %s", r.kind, backend.Quote(o.Name),
		backend.Enumerate(changed)).
		WithHint("nothing was overwritten; run terraform plan again, without -refresh=false, and apply the new plan")
}

// differences returns the names of the attributes in which two models differ.
func differences[M any](a, b *M) []string {
	var names []string
	x, y := reflect.ValueOf(a).Elem(), reflect.ValueOf(b).Elem()
	for i := range x.NumField() {
		v, ok := x.Field(i).Interface().(attr.Value)
		if ok && !v.Equal(y.Field(i).Interface().(attr.Value)) {
			names = append(names, x.Type().Field(i).Tag.Get("tfsdk"))
		}
	}
	return names
}

// defaultTimeout is the timeout of an operation that the timeouts block does not set.
const defaultTimeout = 5 * time.Minute

// withTimeout limits an operation to the timeout that the configuration sets for it.
func withTimeout(
	ctx context.Context, timeout func(context.Context, time.Duration) (time.Duration, diag.Diagnostics),
	diags *diag.Diagnostics,
) (context.Context, context.CancelFunc) {
	d, invalid := timeout(ctx, defaultTimeout)
	diags.Append(invalid...)
	return context.WithTimeout(ctx, d)
}

// Describe writes an object of the backend as this resource into a resource value. List resources use it.
func (r *managedResource[M, P]) Describe(
	ctx context.Context, o backend.Object, into *tfsdk.Resource, diags *diag.Diagnostics,
) {
	into.Raw = nullObject(into.Raw.Type())
	var m M
	diags.Append(into.Get(ctx, &m)...)
	P(&m).set(ctx, o, diags)
	if !diags.HasError() {
		diags.Append(into.Set(ctx, &m)...)
	}
}

// nullObject returns an object of a type in which every attribute is null.
func nullObject(t tftypes.Type) tftypes.Value {
	object, ok := t.(tftypes.Object)
	if !ok {
		return tftypes.NewValue(t, nil)
	}
	values := map[string]tftypes.Value{}
	for name, attributeType := range object.AttributeTypes {
		values[name] = tftypes.NewValue(attributeType, nil)
	}
	return tftypes.NewValue(t, values)
}

func (r *managedResource[M, P]) IdentitySchema(
	_ context.Context, _ resource.IdentitySchemaRequest, resp *resource.IdentitySchemaResponse,
) {
	resp.IdentitySchema = identityschema.Schema{Attributes: map[string]identityschema.Attribute{
		"id": identityschema.StringAttribute{
			RequiredForImport: true, Description: "UUID of the object. It does not change when the object is renamed.",
		},
	}}
}

// setIdentity sets the identity of a resource. The framework demands it even if Terraform is older than 1.12 and
// ignores it.
func setIdentity(ctx context.Context, identity *tfsdk.ResourceIdentity, id string, diags *diag.Diagnostics) {
	if identity != nil {
		diags.Append(identity.SetAttribute(ctx, path.Root("id"), id)...)
	}
}
