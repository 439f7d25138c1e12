// SPDX-License-Identifier: MPL-2.0

package main

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/pouncet/terraform-provider-pouncet/backend"
	"github.com/pouncet/terraform-provider-pouncet/backend/suggest"
)

// annotationWords has the words that a flag takes. checkInput rejects all others, so a wrong word is an error of usage
// in every command and with every backend, and the completion lists the words.
const annotationWords = "pouncet_words"

// takesWords says which words a flag takes.
func takesWords[W ~string](c *cobra.Command, flag string, words ...W) {
	texts := make([]string, len(words))
	for i, w := range words {
		texts[i] = string(w)
	}
	if err := c.Flags().SetAnnotation(flag, annotationWords, texts); err != nil {
		panic(err) // a defect in this program: the command has no such flag
	}
}

var (
	missingWords    = []string{"error", "null", "keep"}
	visibilities    = []backend.Visibility{backend.Masked, backend.Restricted}
	duplicatesWords = []backend.Duplicates{backend.DuplicatesAllowed, backend.DuplicatesNoted, backend.DuplicatesRefused}
	principalKinds  = []backend.PrincipalKind{backend.Person, backend.Workload}
)

// checkWords rejects a word that the flag does not take. The error does not repeat the word.
func checkWords(c *cobra.Command, f *pflag.Flag) error {
	words := f.Annotations[annotationWords]
	if len(words) == 0 {
		return nil
	}
	given := []string{f.Value.String()}
	if list, ok := f.Value.(pflag.SliceValue); ok {
		given = list.GetSlice()
	}
	for _, w := range given {
		if !slices.Contains(words, w) {
			last := len(words) - 1
			wrong := usage(c, "--%s must be %s or %s", f.Name, strings.Join(words[:last], ", "), words[last])
			return wrong.withHint("%s", suggest.Hint(suggest.Name(w, words), wrong.err.Hint))
		}
	}
	return nil
}
