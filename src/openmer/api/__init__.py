"""The verbs of `import openmer`: one file each, built on the rooms; results know themselves."""
