// SPDX-License-Identifier: MPL-2.0

package leak

import "strings"

// contextLines limits how far above a line its context is looked for.
const contextLines = 60

// context holds the names around a name: the mappings that it is in, from the nearest on, and whether the document is a
// Secret of Kubernetes.
type context struct {
	parents  []string
	isSecret bool
}

// contextOf returns the context of the name at an index of a text. It reads indentation and braces, and not the format
// of the file, which may be a template.
func contextOf(text string, at int) context {
	var c context
	start := strings.LastIndexByte(text[:at], '\n') + 1
	if parent := flowParent(text[max(start, at-before):at]); parent != "" {
		c.parents = append(c.parents, parent)
	}
	depth := indentation(text[start:at])
	for range contextLines {
		if start == 0 {
			break
		}
		end := start - 1
		start = strings.LastIndexByte(text[max(0, end-longestLine):end], '\n') + 1 + max(0, end-longestLine)
		line := text[start:end]
		if strings.HasPrefix(line, "---") {
			break
		}
		trimmed := strings.TrimSpace(line)
		if d := indentation(line); d < depth && trimmed != "" && trimmed[0] != '#' {
			depth = d
			name, _, _ := strings.Cut(trimmed, ":")
			c.parents = append(c.parents, strings.Trim(name, `-" '{[`))
		}
		c.isSecret = c.isSecret || isSecretOfKubernetes(trimmed)
	}
	return c
}

// isSecretOfKubernetes reports whether a text says that its document is a Secret of Kubernetes.
func isSecretOfKubernetes(text string) bool {
	return strings.Contains(text, "kind: Secret") || strings.Contains(text, `"kind": "Secret"`)
}

// indentation returns the column at which the name of a line begins, after the dashes of lists.
func indentation(line string) int {
	return len(line) - len(strings.TrimLeft(line, " \t-"))
}

// flowParent returns the name of the mapping in braces that a text ends in, or "".
func flowParent(text string) string {
	depth := 0
	for i := len(text) - 1; i >= 0; i-- {
		switch text[i] {
		case '}':
			depth++
		case '{':
			if depth == 0 {
				start, end := nameBefore(text, i)
				return text[start:end]
			}
			depth--
		}
	}
	return ""
}

// refers reports whether the name is part of a reference to a secret, or of something else that holds no secrets.
func (c context) refers() bool {
	for i, parent := range c.parents {
		words := nameWords(parent)
		if len(words) == 0 {
			continue
		}
		if last := words[len(words)-1]; i < 2 && (last == "ref" || last == "refs" || last == "selector") ||
			listed(otherParents, strings.ToLower(parent)) {
			return true
		}
	}
	return false
}

// isSecretData reports whether the name is a key of a Secret of Kubernetes.
func (c context) isSecretData() bool {
	return c.isSecret && len(c.parents) > 0 && (c.parents[0] == "data" || c.parents[0] == "stringData")
}

// otherParents are mappings that hold no secrets in plain text.
const otherParents = " valuefrom remoteref datafrom extract find labels matchlabels encrypteddata sops " +
	"existingsecret checksums hashes digests "
