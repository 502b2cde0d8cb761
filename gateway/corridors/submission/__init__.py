"""From a dropped file to sealed packages: intake → recognising → checking → sorting → sealing."""
