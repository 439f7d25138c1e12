// SPDX-License-Identifier: MPL-2.0

package backend

// Limits of one call, the same in-process and over HTTP. docs/limits.md lists all limits.
const (
	MaxPage    = 1_000  // objects in one Page
	MaxRefs    = 20_000 // references in one Resolve
	MaxChanges = 10_000 // changes in one Apply
	MaxUsages  = 20_000 // usages in one Apply, and of one source

	MaxUsageFileBytes = 4 << 20 // of the file names of the usages in one Apply

	MaxListedEntries = 20_000 // entries in a list of KindEntry, before its search
	MaxSearchBytes   = 256    // of the search text of one
	MaxCountedUses   = 100    // uses that it counts of one entry

	MaxDependents = 1_000 // positions in files that an error lists as dependents

	MaxResolveBytes = 16 << 20 // of the values that the references of one Resolve read, each counted with each reference
	MaxOutcomeBytes = 16 << 20 // of the metadata in the outcomes of one Apply
	MaxPageBytes    = 4 << 20  // of the metadata in one Page, after which the next page begins
)

// Limits of the contents of a project. A project that exceeds one stays usable.
const (
	MaxTypes         = 500     // secret types of a project
	MaxSchemasBytes  = 4 << 20 // of the schemas of these
	MaxEnvironments  = 500     // environments of a project
	MaxProjectUsages = 200_000 // registered usages of a project
)

// Limits of single texts, in bytes.
const (
	MaxFieldPathBytes      = 1_024 // of a field path
	MaxFieldPathSteps      = 64
	MaxFileBytes           = 1_024 // of the file name of a usage
	MaxKMSKeyBytes         = 2_048 // of the URI of a KMS key
	MaxDisplayNameBytes    = 256
	MaxIdempotencyKeyBytes = 256
	MaxTagBytes            = 64 // of the name of a tag
	MaxClientBytes         = 64 // of the name of the program that a version is written with
)

// Limits of the versions of a secret.
const (
	MaxTags            = 32  // of one secret
	MaxDifferentFields = 100 // in the outcome of a comparison
	MaxSameValue       = 20  // other secrets with the same value, in an outcome

	MaxComparedSecrets = 20_000 // of a project whose policy begins to note or refuse duplicates
)

// DefaultTokenDays is the time in days after which a new token expires, unless its creation says otherwise.
const DefaultTokenDays = 90

// Limits of the drafts of a project.
const (
	MaxDrafts        = 50       // of a project
	MaxDraftChanges  = 2_000    // of one draft
	MaxDraftBytes    = 16 << 20 // of the values and attributes of the changes of one draft
	DefaultDraftDays = 30       // after which a draft expires
	MaxDraftDays     = 90       // after which a draft expires at the latest
)

// MaxJSONDepth is how deep JSON may nest, in a value, a schema and a request.
const MaxJSONDepth = 100

// CheckDepth refuses JSON that nests deeper than MaxJSONDepth. It does not check that the text is JSON.
func CheckDepth(text []byte) *Error {
	depth, inString := 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case inString && c == '\\':
			i++
		case c == '"':
			inString = !inString
		case inString:
		case c == '{' || c == '[':
			if depth++; depth > MaxJSONDepth {
				return Errorf(CodeTooLarge, "the JSON nests deeper than %d levels", MaxJSONDepth)
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return nil
}
