// SPDX-License-Identifier: MPL-2.0

package review

import (
	"encoding/json"
	"slices"
	"strings"
)

// planConfiguration holds the blocks of the configuration in a plan, and what they refer to. A node is a block, a
// variable, an output, a call of a module or a provider block, by its address with the modules that it is in. Local
// values and ephemeral resources are not in a plan.
type planConfiguration struct {
	blocks     map[string]referringBlock
	references references
	constants  map[string]bool // whether a variable of a module depends on no block
}

// referringBlock holds the references in a block. It holds no constant, because that can be a secret.
type referringBlock struct {
	module         string // the prefix of addresses in its module
	provider       string
	forEach, count []string
	arguments      map[string][]string // of all arguments that are set
}

// The parts of the configuration in a plan that are read (Terraform, JSON Output Format, 1.x).
type (
	planBlock struct {
		Address      string                     `json:"address"`
		ProviderKey  string                     `json:"provider_config_key"`
		Expressions  map[string]json.RawMessage `json:"expressions"`
		ForEach      json.RawMessage            `json:"for_each_expression"`
		Count        json.RawMessage            `json:"count_expression"`
		Provisioners json.RawMessage            `json:"provisioners"`
		DependsOn    []string                   `json:"depends_on"`
		Module       *planModule                `json:"module"` // of a call of a module
	}
	planModule struct {
		Resources   []planBlock          `json:"resources"`
		ModuleCalls map[string]planBlock `json:"module_calls"`
		Outputs     map[string]struct {
			Expression json.RawMessage `json:"expression"`
			DependsOn  []string        `json:"depends_on"`
		} `json:"outputs"`
	}
)

func newPlanConfiguration(root planModule, providers map[string]json.RawMessage) planConfiguration {
	c := planConfiguration{map[string]referringBlock{}, references{}, map[string]bool{}}
	for key, raw := range providers {
		c.refer("provider "+key, "", raw)
	}
	c.addModule("", root)
	return c
}

func (c *planConfiguration) addModule(prefix string, m planModule) {
	call := strings.TrimSuffix(prefix, ".")
	for _, resource := range m.Resources {
		node := prefix + resource.Address
		b := c.addBlock(node, prefix, resource)
		c.blocks[node] = b
		for _, to := range b.arguments {
			c.referTo(node, prefix, to)
		}
		c.refer(node, prefix, resource.Provisioners)
		c.references[node] = append(c.references[node], "provider "+b.provider, call)
		c.references[call+" contents"] = append(c.references[call+" contents"], node)
	}
	for name, o := range m.Outputs {
		c.refer(prefix+"output."+name, prefix, o.Expression)
		c.referTo(prefix+"output."+name, prefix, o.DependsOn)
	}
	for name, module := range m.ModuleCalls {
		node := prefix + "module." + name
		b := c.addBlock(node, prefix, module)
		c.references[node] = append(c.references[node], call)
		c.references[call+" contents"] = append(c.references[call+" contents"], node+" contents")
		for variable, to := range b.arguments {
			c.referTo(node+".var."+variable, prefix, to)
			c.constants[node+".var."+variable] = c.isConstant(b, to)
		}
		if module.Module != nil {
			c.addModule(node+".", *module.Module)
		}
	}
}

// addBlock adds what the meta-arguments of a block refer to.
func (c *planConfiguration) addBlock(node, prefix string, p planBlock) referringBlock {
	b := referringBlock{module: prefix, provider: p.ProviderKey, arguments: map[string][]string{}}
	b.forEach, b.count = referencesIn(p.ForEach), referencesIn(p.Count)
	for name, expression := range p.Expressions {
		b.arguments[name] = referencesIn(expression)
	}
	for _, to := range [][]string{b.forEach, b.count, p.DependsOn} {
		c.referTo(node, prefix, to)
	}
	return b
}

func (c *planConfiguration) refer(node, prefix string, expression json.RawMessage) {
	c.referTo(node, prefix, referencesIn(expression))
}

// referTo adds what a node refers to. Terraform lists "module.m.out" together with "module.m"; the latter alone means
// the whole module.
func (c *planConfiguration) referTo(node, prefix string, to []string) {
	for _, reference := range to {
		hasPrefix := func(other string) bool { return strings.HasPrefix(other, reference+".") }
		parts := strings.Split(withoutIndexes(reference), ".")
		target := prefix + strings.Join(parts[:min(2, len(parts))], ".")
		switch {
		case parts[0] == "data" && len(parts) > 2:
			target = prefix + strings.Join(parts[:3], ".")
		case parts[0] == "module" && len(parts) > 2:
			target += ".output." + parts[2]
		case parts[0] == "module" && slices.ContainsFunc(to, hasPrefix):
			continue
		case parts[0] == "module":
			target += " contents"
		}
		c.references[node] = append(c.references[node], target)
	}
}

// referencesIn returns the references of an expression, or of all expressions of a nested block.
func referencesIn(expression json.RawMessage) []string {
	var list []json.RawMessage
	if json.Unmarshal(expression, &list) == nil {
		var out []string
		for _, e := range list {
			out = append(out, referencesIn(e)...)
		}
		return out
	}
	var object map[string]json.RawMessage
	if json.Unmarshal(expression, &object) != nil || object["constant_value"] != nil {
		return nil
	}
	var out []string
	if json.Unmarshal(object["references"], &out) == nil {
		return out
	}
	for _, e := range object {
		out = append(out, referencesIn(e)...)
	}
	return out
}

// isLiteral reports whether the value of an argument of a block depends on no other block.
func (c *planConfiguration) isLiteral(node string, argument nameArgument) bool {
	b := c.blocks[node]
	references, isSet := b.arguments[argument.first()]
	return isSet && c.isConstant(b, references)
}

// isConstant reports whether an expression in a block depends on no other block: it refers to variables only.
func (c *planConfiguration) isConstant(b referringBlock, references []string) bool {
	for _, reference := range references {
		parts := strings.Split(withoutIndexes(reference), ".")
		constant := false
		switch parts[0] {
		case "path", "terraform":
			constant = true
		case "each":
			constant = c.isConstant(referringBlock{module: b.module}, b.forEach)
		case "count":
			constant = c.isConstant(referringBlock{module: b.module}, b.count)
		case "var":
			given, isSet := c.constants[b.module+strings.Join(parts[:min(2, len(parts))], ".")]
			constant = given || !isSet // a variable of the root module, or its default
		}
		if !constant {
			return false
		}
	}
	return true
}

// refersToKey reports whether an argument refers to the key of for_each.
func (c *planConfiguration) refersToKey(node string, argument nameArgument) bool {
	return slices.Contains(c.blocks[node].arguments[argument.first()], "each.key")
}

// sameDefaultProject reports whether two blocks have the project of the same provider block.
func (c *planConfiguration) sameDefaultProject(a, b string) bool {
	x, y := c.blocks[a], c.blocks[b]
	_, own := x.arguments["project"]
	_, other := y.arguments["project"]
	return x.provider != "" && x.provider == y.provider && !own && !other
}
