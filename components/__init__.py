"""NiceGUI components of the todo app, and the live elements that they are made of."""
