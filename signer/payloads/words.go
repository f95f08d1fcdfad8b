package payloads

// The made-up people and things. Domains are those of RFC 2606, telephone
// numbers those set aside for fiction, addresses those of RFC 5737.

func firstNames() []string {
	return []string{"Ada", "Amara", "Bruno", "Chen", "Dalia", "Emil", "Farah", "Greta", "Hiro", "Ines", "Jonas", "Kaia", "Luca", "Mira", "Noor", "Olga"}
}

func lastNames() []string {
	return []string{"Abara", "Bergmann", "Costa", "Demir", "Eriksen", "Fontaine", "Ghosh", "Horvat", "Ito", "Jensen", "Kowalski", "Lindqvist", "Moreau", "Novak"}
}

func companies() []string {
	return []string{"Acorn Bicycles", "Blue Kettle Tea", "Cedar Street Books", "Dune Lighting", "Fern & Field", "Harbour Tools", "Moss Garden", "North Pier Coffee"}
}

func products() []string {
	return []string{"Enamel Mug", "Canvas Tote", "Wool Blanket", "Desk Lamp", "Steel Bottle", "Linen Apron", "Oak Stool", "Field Notebook"}
}

func cities() []string {
	return []string{"Springfield", "Riverton", "Lakeview", "Fairmont", "Greenville", "Ashford"}
}

func streets() []string {
	return []string{"Sample Street", "Test Avenue", "Example Lane", "Placeholder Road"}
}

func words() []string {
	return []string{"amber", "basalt", "cobalt", "delta", "ember", "fjord", "granite", "harbor", "indigo", "juniper", "kestrel", "lumen", "meadow", "nimbus", "opal", "pebble"}
}

func sentences() []string {
	return []string{
		"Please have a look when you have a minute",
		"The export takes longer than it should",
		"Add a retry around the upload",
		"Round totals to two decimals",
		"The button is hidden on small screens",
		"Thanks, this works for me",
		"Move the check before the first write",
		"Can we ship this on Thursday?",
	}
}
