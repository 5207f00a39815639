"""The pages of the todo app and their parts, each with its `.js` and `.css` beside it. Imports public names only."""
