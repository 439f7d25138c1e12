// SPDX-License-Identifier: MPL-2.0

package edit

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/pouncet/terraform-provider-pouncet/backend"
)

// labelsText returns labels as the form shows them: KEY=VALUE, one per line. A key or a value that would be read as
// another one, such as a value of two lines, is a JSON string.
func labelsText(labels map[string]string) string {
	var lines []string
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		lines = append(lines, labelPart(key, "=")+"="+labelPart(labels[key], ""))
	}
	return strings.Join(lines, "\n")
}

func labelPart(text, special string) string {
	if text == strings.TrimSpace(text) && !strings.ContainsAny(text, "\r\n"+special) && !strings.HasPrefix(text, `"`) {
		return text
	}
	quoted, err := json.Marshal(text)
	if err != nil {
		panic(err) // a string
	}
	return string(quoted)
}

// labelsOf reads labels as labelsText writes them.
func labelsOf(text string) (map[string]string, *backend.Error) {
	out := map[string]string{}
	for line := range strings.SplitSeq(text, "\n") {
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		key, value, ok := cutLabel(line)
		if _, twice := out[key]; twice {
			return nil, backend.Errorf(backend.CodeInvalid, "the label %s is there twice", backend.Quote(key)).At("labels")
		}
		if !ok {
			return nil, backend.Errorf(backend.CodeInvalid, "%s is not a valid label", backend.Quote(line)).
				WithHint("write each label on a line, as team=payments").At("labels")
		}
		out[key] = value
	}
	return out, nil
}

// cutLabel returns the key and the value of a line.
func cutLabel(line string) (key, value string, ok bool) {
	key, value, ok = strings.Cut(line, "=")
	if strings.HasPrefix(line, `"`) {
		d := json.NewDecoder(strings.NewReader(line))
		if d.Decode(&key) != nil {
			return "", "", false
		}
		value, ok = strings.CutPrefix(strings.TrimSpace(line[d.InputOffset():]), "=")
	}
	if !strings.HasPrefix(line, `"`) {
		key = strings.TrimSpace(key)
	}
	value = strings.TrimSpace(value)
	if strings.HasPrefix(value, `"`) && json.Unmarshal([]byte(value), &value) != nil {
		return "", "", false
	}
	return key, value, ok && key != ""
}

// LabelRows is how many lines the field of labels has.
func (f form) LabelRows() int { return min(8, 2+strings.Count(f.Labels, "\n")) }
