// SPDX-License-Identifier: MPL-2.0

package review

// NameArgumentPaths returns the paths of the arguments that name another object, by mode and type of their block.
func NameArgumentPaths() map[string][]string {
	paths := map[string][]string{}
	for block, arguments := range nameArguments {
		for _, a := range arguments {
			paths[block] = append(paths[block], a.path)
		}
	}
	return paths
}
