package safetext

// hidden tells whether r must not reach a screen: it controls the terminal,
// breaks lines, turns the direction of text around, or shows nothing while it
// carries meaning (Unicode's Cc, Zl, Zp, most of Cf, Default_Ignorable_Code_Point
// less the 16 variation selectors of emoji, and the noncharacters).
func hidden(r rune) bool {
	switch {
	case r < ' ', r >= 0x7f && r <= 0x9f: // C0, DEL, C1
		return true
	case r < 0xad:
		return false
	case r == 0xad, // soft hyphen
		r == 0x034f,                // combining grapheme joiner
		r == 0x061c,                // Arabic letter mark
		r >= 0x115f && r <= 0x1160, // Hangul fillers
		r >= 0x17b4 && r <= 0x17b5, // Khmer inherent vowels
		r >= 0x180b && r <= 0x180f, // Mongolian selectors and vowel separator
		r >= 0x200b && r <= 0x200f, // zero width, joiners, direction marks
		r >= 0x2028 && r <= 0x202e, // line and paragraph separator, bidi embedding
		r >= 0x2060 && r <= 0x206f, // word joiner, invisible operators, bidi isolates
		r == 0x3164,                // Hangul filler
		r >= 0xfdd0 && r <= 0xfdef, // noncharacters
		r == 0xfeff,                // byte order mark
		r == 0xffa0,                // half-width Hangul filler
		r >= 0xfff0 && r <= 0xfffb, // unassigned ignorables, interlinear annotation
		r >= 0x13430 && r <= 0x1345f,
		r >= 0x1bca0 && r <= 0x1bca3, // shorthand format controls
		r >= 0x1d173 && r <= 0x1d17a, // musical format controls
		r >= 0xe0000 && r <= 0xe0fff: // tags, variation selectors supplement
		return true
	}
	return r&0xfffe == 0xfffe // noncharacters at the end of each plane
}
